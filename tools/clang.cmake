# The clang that tools/setup installed: Debian 12 and Ubuntu 24.04 have 14, Debian 13 has 19.
find_program(HEDDLE_CLANG NAMES clang-14 clang-19 clang REQUIRED)
set(CMAKE_C_COMPILER ${HEDDLE_CLANG})
string(REGEX REPLACE "clang(-[0-9]+)?$" "clang++\\1" clang_cxx ${HEDDLE_CLANG})
set(CMAKE_CXX_COMPILER ${clang_cxx})
