# For people. CMakeLists.txt and CMakePresets.json do the work.
#
#   make            the program, optimised: build/heddle
#   make test       release and debug (address and undefined behaviour sanitizers), all tests of both; what has threads also under
#                   the thread sanitizer
#   make bench      the benchmarks, each run once
#   make bench-kafka   the live leg from a broker of Kafka (Java and Maven) beside a bare consumer
#   make torture    the stream killed in TORTURE_POINTS system calls (default 10,000), and each of its calls failing
#   make fuzz       every fuzz target for FUZZ_SECONDS (default 60)
#   make tidy       the style rules that a machine can check; what is generated is compared with what the program says
#   make reference  write docs/reference/ anew, from the program
#   make format     lay out the sources anew
#   make install    into PREFIX (default /usr/local), below DESTDIR
JOBS         ?= $(shell nproc)
PREFIX       ?= /usr/local
FUZZ_SECONDS ?= 60
TORTURE_POINTS ?= 10000
# What has threads: the runtime of the live leg, the control socket, delivery, rings and threads themselves, decoding of the batch leg.
TSAN_TESTS   ?= test_live test_live_time test_commands test_control test_delivery test_thread test_ranges
empty        :=
space        := $(empty) $(empty)
CLANG_FORMAT ?= $(firstword $(shell command -v clang-format-14 clang-format-19 clang-format))

.PHONY: release debug test test-release test-debug test-tsan bench bench-kafka torture fuzz tidy reference format install clean

release: build/release/build.ninja
	cmake --build --preset release -j $(JOBS)
	ln -sfn release/heddle build/heddle

debug: build/debug/build.ninja
	cmake --build --preset debug -j $(JOBS)

build/%/build.ninja: CMakePresets.json
	cmake --preset $*

test: test-debug test-release test-tsan

test-release: release
	ctest --preset release -j $(JOBS)

test-debug: debug
	ctest --preset debug -j $(JOBS)

test-tsan: build/tsan/build.ninja
	cmake --build --preset tsan -j $(JOBS) --target $(TSAN_TESTS)
	TSAN_OPTIONS=suppressions=$(CURDIR)/tests/tsan.supp ctest --preset tsan -j $(JOBS) -R '^($(subst $(space),|,$(TSAN_TESTS)))$$'

bench: release
	@for program in build/release/bench/bench_*; do \
	    [ -x "$$program" ] || continue; echo "== $${program##*/}"; "$$program" || exit 1; \
	done
	@echo "== live.py"; python3 bench/live.py
	@echo "== start.py"; python3 bench/start.py
	@echo "== ranges.py"; python3 bench/ranges.py

bench-kafka: release
	python3 bench/kafka.py build/release/heddle

torture: release
	HEDDLE=$(CURDIR)/build/release/heddle FAULT_SHIM=$(CURDIR)/build/release/tests/libfault_shim.so TORTURE_POINTS=$(TORTURE_POINTS) \
	    python3 tests/integration/torture.py

# Each target starts from its kept corpus; what it finds new stays in build/, a finding is written to the current folder.
fuzz: build/fuzz/build.ninja
	cmake --build --preset fuzz -j $(JOBS)
	@for program in build/fuzz/tests/fuzz_*; do \
	    [ -x "$$program" ] || continue; name=$${program##*/fuzz_}; \
	    mkdir -p "build/fuzz/corpus/$$name"; kept=tests/fuzz/corpus/$$name; [ -d "$$kept" ] || kept=; \
	    echo "== $$name"; \
	    "$$program" -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 "build/fuzz/corpus/$$name" $$kept || exit 1; \
	done

tidy: release
	python3 tools/tidy

reference: release
	python3 tools/tidy --regenerate

format:
	git ls-files '*.c' '*.h' '*.cpp' ':!third_party' | xargs -r $(CLANG_FORMAT) -i

install: release
	DESTDIR="$(DESTDIR)" cmake --install build/release --prefix "$(PREFIX)"

clean:
	rm -rf build
