/* A typed tree to steps over vectors, and their evaluation.
 *
 * Everything is computed for all rows: functions are total, so nothing needs to be skipped. A step writes into a buffer
 * (reused once its last reader has run, so that a long program stays in the cache) or straight into the output of a
 * root. What is written twice is computed once: equal functions of equal arguments are one step, whichever nodes they
 * came from (all functions are pure), and equal constants one constant. */
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "expr/expr_int.h"

enum ref_kind { REF_SLOT, REF_CONSTANT, REF_BUFFER, REF_OUT };

struct ref {
    enum ref_kind kind;
    uint32_t      index;
};

struct step {
    kernel_fn             *kernel;
    const struct function *function; /* NULL: an operator. */
    void                  *bound;
    struct type            type;
    struct ref            *args;
    uint32_t               arg_count;
    struct ref             out; /* REF_BUFFER or REF_OUT. */
    bool                   may_share;
};

struct constant {
    struct type        type;
    union expr_storage storage;
    uint64_t           validity;
};

struct expr_program {
    struct arena     arena;
    struct step     *steps;
    uint32_t         step_count;
    struct constant *constants;
    uint32_t         constant_count;
    uint32_t         buffer_count;
    uint32_t         root_count;
};

/* Where a node's value is, and the last step that reads it. */
struct place {
    const struct expr *node;
    struct ref         ref;
    uint32_t           last_read;
};

struct compiler {
    struct expr_program *program;
    struct place        *places;
    uint32_t             place_count;
    uint32_t             step_capacity;
    struct error        *err;
};

#define BUFFER_VALIDITY_WORDS (CHUNK_ROW_COUNT_MAX / 64)
#define BUFFER_DATA_SIZE      (CHUNK_ROW_COUNT_MAX * sizeof(struct text))

void
expr_value_store(const struct expr_value *value, union expr_storage *ret_storage)
{
    memset(ret_storage, 0, sizeof *ret_storage);
    if (value->is_null)
        return;
    switch (value->type.kind) {
    case TYPE_BOOL: ret_storage->boolean = value->as.boolean ? 1 : 0; return;
    case TYPE_INT64:
    case TYPE_DECIMAL:
    case TYPE_TIMESTAMP: ret_storage->int64 = value->as.int64; return;
    case TYPE_DATE: ret_storage->date = (int32_t)value->as.int64; return;
    case TYPE_DOUBLE: ret_storage->float64 = value->as.float64; return;
    case TYPE_TEXT: ret_storage->text = text_view(value->as.text.data, value->as.text.size); return;
    case TYPE_KIND_COUNT: break;
    }
    UNREACHABLE();
}

/* An upper bound of steps and constants: one a node, and one a link of and/or. Shared nodes count every time. */
static uint64_t
count_nodes(const struct expr *node)
{
    uint64_t count = 1 + (uint64_t)node->arg_count;
    for (uint32_t i = 0; i < node->arg_count; i++)
        count += count_nodes(node->args[i]);
    return count;
}

static bool
is_constant_of(const struct constant *constant, const struct expr *node)
{
    struct expr_value value = { .type = constant->type, .is_null = constant->validity == 0 };
    if (!type_equal(constant->type, node->type) || value.is_null != node->value.is_null)
        return false;
    if (value.is_null)
        return true;
    union expr_storage storage;
    expr_value_store(&node->value, &storage);
    if (constant->type.kind == TYPE_TEXT)
        return text_equal(&constant->storage.text, &storage.text);
    return memcmp(&constant->storage, &storage, sizeof storage) == 0;
}

static struct ref
add_constant(struct compiler *compiler, const struct expr *node)
{
    struct expr_program *program  = compiler->program;
    struct constant     *constant = &program->constants[program->constant_count];
    struct expr_value    value    = node->value;
    for (uint32_t i = 0; i < program->constant_count; i++)
        if (is_constant_of(&program->constants[i], node))
            return (struct ref){ .kind = REF_CONSTANT, .index = i };
    /* The text must outlive the tree. The room was counted, so only memory can be missing. */
    if (value.type.kind == TYPE_TEXT && !value.is_null && !arena_text(&program->arena, value.as.text, &value.as.text))
        value.is_null = true, error_no_memory(compiler->err);
    constant->type     = node->type;
    constant->validity = value.is_null ? 0 : 1;
    expr_value_store(&value, &constant->storage);
    return (struct ref){ .kind = REF_CONSTANT, .index = program->constant_count++ };
}

static struct vector
constant_vector(const struct constant *constant)
{
    return (struct vector){ .type = constant->type, .is_constant = true, .data = &constant->storage,
                            .validity = constant->validity == 1 ? NULL : &constant->validity };
}

static enum status
bind_step(struct compiler *compiler, const struct expr *node, struct step *step)
{
    struct vector constants[FUNCTION_ARGUMENT_COUNT_MAX] = { 0 };
    if (node->kind != EXPR_CALL || node->function->bind == NULL)
        return ST_OK;
    for (uint32_t i = 0; i < step->arg_count; i++) {
        constants[i].type = node->args[i]->type;
        if (step->args[i].kind != REF_CONSTANT && i < 32 && ((node->function->constants >> i) & 1) != 0)
            return expr_error_at(node, compiler->err, "argument %u of %s must be a constant", i + 1, node->function->name);
        if (step->args[i].kind == REF_CONSTANT)
            constants[i] = constant_vector(&compiler->program->constants[step->args[i].index]);
    }
    if (node->function->bind(constants, step->arg_count, &step->bound, compiler->err) == ST_OK)
        return ST_OK;
    if (compiler->err != NULL && node->source != NULL) {
        struct error where = ERROR_EMPTY;
        expr_error_at(node, &where, "%s", node->function->name);
        error_at(compiler->err, where.file[0] != '\0' ? where.file : NULL, where.line, where.column);
    }
    return ST_ERROR;
}

/* A copy is made for an output of its own, so each is a step. */
static bool
find_step(const struct expr_program *program, kernel_fn *kernel, const struct ref *args, uint32_t arg_count, struct type type,
          struct ref *ret_ref)
{
    for (uint32_t i = 0; i < program->step_count && kernel != kernel_copy; i++) {
        const struct step *step = &program->steps[i];
        bool               same = step->kernel == kernel && step->arg_count == arg_count && type_equal(step->type, type);
        for (uint32_t j = 0; same && j < arg_count; j++)
            same = step->args[j].kind == args[j].kind && step->args[j].index == args[j].index;
        if (!same)
            continue;
        *ret_ref = step->out;
        return true;
    }
    return false;
}

static enum status
add_step(struct compiler *compiler, const struct expr *node, kernel_fn *kernel, const struct ref *args, uint32_t arg_count,
         struct type type, struct ref *ret_ref)
{
    struct expr_program *program = compiler->program;
    if (find_step(program, kernel, args, arg_count, type, ret_ref))
        return ST_OK;
    CHECK(program->step_count < compiler->step_capacity);
    struct step *step = &program->steps[program->step_count];
    *step             = (struct step){ .kernel = kernel, .type = type, .arg_count = arg_count };
    step->args        = ARENA_ARRAY(&program->arena, struct ref, arg_count + 1);
    if (step->args == NULL)
        return error_no_memory(compiler->err);
    memcpy(step->args, args, arg_count * sizeof *args);
    step->function = node->kind == EXPR_CALL ? node->function : NULL;
    step->out      = (struct ref){ .kind = REF_BUFFER, .index = program->step_count };
    /* Counted before bind: on failure the release must find it. */
    program->step_count++;
    *ret_ref = step->out;
    return bind_step(compiler, node, step);
}

/* nullif(trim(x), ''): a step of its own. */
static bool
is_trim_to_null(const struct expr *node)
{
    if (node->kind != EXPR_OPERATOR || node->op != OP_NULLIF || node->args[0]->kind != EXPR_CALL || node->args[1]->kind != EXPR_LITERAL)
        return false;
    const struct expr_value *empty = &node->args[1]->value;
    return strcmp(node->args[0]->function->name, "trim") == 0 && empty->type.kind == TYPE_TEXT && !empty->is_null && empty->as.text.size == 0;
}

static enum status
compile_node(struct compiler *compiler, const struct expr *node, struct ref *ret_ref)
{
    struct ref args[FUNCTION_ARGUMENT_COUNT_MAX] = { 0 }, ref;
    bool       is_chain = node->kind == EXPR_OPERATOR && (node->op == OP_AND || node->op == OP_OR);

    for (uint32_t i = 0; i < compiler->place_count; i++) {
        if (compiler->places[i].node == node) {
            *ret_ref = compiler->places[i].ref;
            return ST_OK;
        }
    }
    if (node->kind == EXPR_LITERAL) {
        ref = add_constant(compiler, node);
    } else if (node->kind == EXPR_SLOT) {
        ref = (struct ref){ .kind = REF_SLOT, .index = node->slot };
    } else if (is_trim_to_null(node)) {
        if (compile_node(compiler, node->args[0]->args[0], &args[0]) != ST_OK ||
            add_step(compiler, node, kernel_trim_to_null, args, 1, node->type, &ref) != ST_OK)
            return ST_ERROR;
    } else if (is_chain) {
        if (compile_node(compiler, node->args[0], &ref) != ST_OK)
            return ST_ERROR;
        for (uint32_t i = 1; i < node->arg_count; i++) {
            args[0] = ref;
            if (compile_node(compiler, node->args[i], &args[1]) != ST_OK ||
                add_step(compiler, node, operator_kernel(node->op), args, 2, node->type, &ref) != ST_OK)
                return ST_ERROR;
        }
    } else {
        CHECK(node->arg_count <= FUNCTION_ARGUMENT_COUNT_MAX);
        for (uint32_t i = 0; i < node->arg_count; i++)
            if (compile_node(compiler, node->args[i], &args[i]) != ST_OK)
                return ST_ERROR;
        kernel_fn *kernel = node->kind == EXPR_CALL ? node->function->kernel : operator_kernel(node->op);
        if (add_step(compiler, node, kernel, args, node->arg_count, node->type, &ref) != ST_OK)
            return ST_ERROR;
    }
    compiler->places[compiler->place_count++] = (struct place){ .node = node, .ref = ref };
    *ret_ref                                  = ref;
    return ST_OK;
}

/* A root's step writes straight to the output; where the root is no step of its own (a slot, a constant, another
 * root), a copying step does. */
static enum status
compile_root(struct compiler *compiler, const struct expr *root, uint32_t index, struct ref *outs_of_steps)
{
    struct ref   ref;
    struct expr  copy = { .kind = EXPR_OPERATOR };
    if (compile_node(compiler, root, &ref) != ST_OK)
        return ST_ERROR;
    if (ref.kind != REF_BUFFER || outs_of_steps[ref.index].kind == REF_OUT) {
        if (add_step(compiler, &copy, kernel_copy, &ref, 1, root->type, &ref) != ST_OK)
            return ST_ERROR;
    }
    outs_of_steps[ref.index] = (struct ref){ .kind = REF_OUT, .index = index };
    return ST_OK;
}

/* Until here a step's buffer had the step's own number. Buffers are dealt out anew: one is free again behind the last
 * step that reads it. `places` of the steps: where each step's result went. */
static enum status
assign_buffers(struct expr_program *program, struct ref *result_of, struct error *err)
{
    uint32_t *last_read = memory_alloc_array_zero(program->step_count + 1, sizeof *last_read);
    uint32_t *free_list = memory_alloc_array(program->step_count + 1, sizeof *free_list);
    uint32_t  free_count = 0;
    enum status status = ST_OK;
    if (last_read == NULL || free_list == NULL) {
        status = error_no_memory(err);
        goto out;
    }
    for (uint32_t i = 0; i < program->step_count; i++)
        for (uint32_t j = 0; j < program->steps[i].arg_count; j++)
            if (program->steps[i].args[j].kind == REF_BUFFER)
                last_read[program->steps[i].args[j].index] = i;

    for (uint32_t i = 0; i < program->step_count; i++) {
        struct step *step = &program->steps[i];
        if (result_of[i].kind != REF_OUT)
            result_of[i] = (struct ref){ .kind = REF_BUFFER,
                                         .index = free_count > 0 ? free_list[--free_count] : program->buffer_count++ };
        step->out       = result_of[i];
        step->may_share = true;
        for (uint32_t j = 0; j < step->arg_count; j++) {
            if (step->args[j].kind != REF_BUFFER) {
                step->may_share = step->may_share && step->args[j].kind == REF_SLOT;
                continue;
            }
            uint32_t from   = step->args[j].index;
            step->args[j]   = result_of[from];
            step->may_share = false;
            /* Read twice by this step: freed once. */
            if (last_read[from] == i && result_of[from].kind == REF_BUFFER) {
                free_list[free_count++] = result_of[from].index;
                last_read[from]         = UINT32_MAX;
            }
        }
    }
out:
    memory_free(last_read);
    memory_free(free_list);
    return status;
}

enum status
expr_compile(struct expr *const *roots, uint32_t root_count, struct expr_program **ret_program, struct error *err)
{
    struct error         local    = ERROR_EMPTY;
    struct compiler      compiler = { .err = &local };
    struct ref          *results  = NULL;
    enum status          status   = ST_OK;
    uint64_t             count    = root_count;

    for (uint32_t i = 0; i < root_count; i++)
        count += count_nodes(roots[i]);
    compiler.program = memory_alloc_zero(sizeof *compiler.program);
    if (compiler.program == NULL)
        return error_no_memory(err);
    arena_init(&compiler.program->arena, 4096);
    if (count > UINT32_MAX / 2) {
        status = error_set(&local, ERR_CONFIG, "the expressions are too large together");
        goto out;
    }
    compiler.step_capacity       = (uint32_t)count;
    compiler.program->root_count = root_count;
    compiler.program->steps      = ARENA_ARRAY(&compiler.program->arena, struct step, count);
    compiler.program->constants  = ARENA_ARRAY(&compiler.program->arena, struct constant, count);
    compiler.places              = memory_alloc_array(count, sizeof *compiler.places);
    results                      = memory_alloc_array_zero(count, sizeof *results);
    if (compiler.program->steps == NULL || compiler.program->constants == NULL || compiler.places == NULL ||
        results == NULL) {
        status = error_no_memory(&local);
        goto out;
    }
    for (uint32_t i = 0; i < root_count && status == ST_OK; i++)
        status = compile_root(&compiler, roots[i], i, results);
    if (status == ST_OK && local.code == ERR_NONE)
        status = assign_buffers(compiler.program, results, &local);
    if (local.code != ERR_NONE)
        status = ST_ERROR;

out:
    memory_free(compiler.places);
    memory_free(results);
    if (status == ST_OK)
        *ret_program = compiler.program;
    else
        expr_program_free(compiler.program);
    if (status != ST_OK && err != NULL)
        *err = local;
    return status;
}

void
expr_program_free(struct expr_program *program)
{
    if (program == NULL)
        return;
    for (uint32_t i = 0; i < program->step_count; i++)
        if (program->steps[i].bound != NULL && program->steps[i].function->unbind != NULL)
            program->steps[i].function->unbind(program->steps[i].bound);
    arena_release(&program->arena);
    memory_free(program);
}

uint32_t
expr_program_step_count(const struct expr_program *program)
{
    return program->step_count;
}

enum status
expr_state_init(struct expr_state *state, const struct expr_program *program, struct error *err)
{
    struct expr_state made = { .program = program };
    arena_init(&made.texts, 0);
    arena_init(&made.scratch, 0);
    made.buffers = memory_alloc_array_zero((size_t)program->buffer_count + 1, sizeof *made.buffers);
    if (made.buffers == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < program->buffer_count; i++) {
        made.buffers[i] = memory_alloc_zero(BUFFER_DATA_SIZE + BUFFER_VALIDITY_WORDS * sizeof(uint64_t));
        if (made.buffers[i] == NULL) {
            expr_state_release(&made);
            return error_no_memory(err);
        }
    }
    *state = made;
    return ST_OK;
}

void
expr_state_release(struct expr_state *state)
{
    for (uint32_t i = 0; state->buffers != NULL && i < state->program->buffer_count; i++)
        memory_free(state->buffers[i]);
    memory_free(state->buffers);
    arena_release(&state->texts);
    arena_release(&state->scratch);
    *state = (struct expr_state){ 0 };
}

static uint64_t *
buffer_validity(const struct expr_state *state, uint32_t buffer)
{
    return (uint64_t *)(void *)((char *)state->buffers[buffer] + BUFFER_DATA_SIZE);
}

static const char *
state_text_copy(void *owner, const char *bytes, size_t size)
{
    char *copy = arena_alloc(owner, size, 1);
    if (copy != NULL)
        memcpy(copy, bytes, size);
    return copy;
}

/* The vectors of a step's arguments. The type of a buffer is that of the step that wrote it last, kept by the caller. */
static struct vector
ref_vector(const struct expr_state *state, struct ref ref, const struct vector *slots, const struct vector_out *outs,
           const struct type *buffer_types)
{
    switch (ref.kind) {
    case REF_SLOT: return slots[ref.index];
    case REF_CONSTANT: return constant_vector(&state->program->constants[ref.index]);
    case REF_OUT:
        return (struct vector){ .type = outs[ref.index].type, .data = outs[ref.index].data,
                                .validity = outs[ref.index].validity };
    case REF_BUFFER:
        return (struct vector){ .type = buffer_types[ref.index], .data = state->buffers[ref.index],
                                .validity = buffer_validity(state, ref.index) };
    }
    UNREACHABLE();
}

static void
clear_null_rows(const struct vector *args, uint32_t arg_count, uint32_t row_count, struct vector_out *out)
{
    uint32_t word_count = (row_count + 63) / 64;
    for (uint32_t i = 0; i < arg_count; i++) {
        if (args[i].validity == NULL)
            continue;
        bool is_null = args[i].is_constant && !validity_get(args[i].validity, 0);
        for (uint32_t word = 0; word < word_count; word++)
            if (is_null)
                out->validity[word] = 0;
            else if (!args[i].is_constant)
                out->validity[word] &= args[i].validity[word];
    }
}

static enum status
run_step(struct expr_state *state, const struct step *step, const struct vector *slots, uint32_t row_count,
         struct vector_out *outs, struct type *buffer_types, struct error *err)
{
    struct vector         args[FUNCTION_ARGUMENT_COUNT_MAX]; /* 4 KB: only those that there are are filled. */
    struct kernel_context context = { .bound = step->bound, .scratch = &state->scratch };
    struct vector_out     out     = { .type = step->type, .text_copy = state_text_copy, .text_owner = &state->texts,
                                      .may_share = true };

    for (uint32_t i = 0; i < step->arg_count; i++)
        args[i] = ref_vector(state, step->args[i], slots, outs, buffer_types);
    if (step->out.kind == REF_OUT) {
        out           = outs[step->out.index];
        out.may_share = out.may_share && step->may_share;
        CHECK(type_equal(out.type, step->type));
    } else {
        out.data     = state->buffers[step->out.index];
        out.validity = buffer_validity(state, step->out.index);
    }
    out.failed = false;
    memset(out.validity, 0xff, ((size_t)row_count + 63) / 64 * sizeof(uint64_t));
    arena_clear(&state->scratch);
    step->kernel(&context, args, step->arg_count, row_count, &out);
    if (step->function != NULL && step->function->null_rule == NULL_STRICT)
        clear_null_rows(args, step->arg_count, row_count, &out);
    if (step->out.kind == REF_BUFFER)
        buffer_types[step->out.index] = step->type;
    return out.failed ? error_no_memory(err) : ST_OK;
}

enum status
expr_evaluate(struct expr_state *state, const struct vector *slots, uint32_t row_count, struct vector_out *outs,
              struct error *err)
{
    const struct expr_program *program = state->program;
    CHECK(row_count <= CHUNK_ROW_COUNT_MAX);
    arena_clear(&state->texts);
    struct type *buffer_types = ARENA_ARRAY(&state->texts, struct type, program->buffer_count + 1);
    if (buffer_types == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < program->step_count; i++)
        if (run_step(state, &program->steps[i], slots, row_count, outs, buffer_types, err) != ST_OK)
            return ST_ERROR;
    return ST_OK;
}

struct expr_value
expr_value_of(const struct vector *vector, uint32_t row)
{
    struct expr_value value = { .type = vector->type, .is_null = !vector_is_valid(vector, row) };
    if (value.is_null)
        return value;
    switch (vector->type.kind) {
    case TYPE_BOOL: value.as.boolean = ((const uint8_t *)vector->data)[row] != 0; return value;
    case TYPE_INT64:
    case TYPE_DECIMAL:
    case TYPE_TIMESTAMP: value.as.int64 = ((const int64_t *)vector->data)[row]; return value;
    case TYPE_DATE: value.as.int64 = ((const int32_t *)vector->data)[row]; return value;
    case TYPE_DOUBLE: value.as.float64 = ((const double *)vector->data)[row]; return value;
    case TYPE_TEXT: {
        const struct text *text = &((const struct text *)vector->data)[row];
        value.as.text           = str_of(text_data(text), text->size);
        return value;
    }
    case TYPE_KIND_COUNT: break;
    }
    UNREACHABLE();
}

enum status
expr_fold(struct arena *arena, struct expr *bound, struct expr **ret_folded, struct error *err)
{
    struct expr_program *program  = NULL;
    struct expr_state    state    = { 0 };
    union expr_storage   storage  = { 0 };
    uint64_t             validity = 0;
    struct expr         *folded   = NULL;
    struct vector_out    out      = { .type = bound->type, .data = &storage, .validity = &validity,
                                      .text_copy = state_text_copy, .text_owner = arena };

    enum status status = expr_compile(&bound, 1, &program, err);
    if (status == ST_OK)
        status = expr_state_init(&state, program, err);
    if (status == ST_OK)
        status = expr_evaluate(&state, NULL, 1, &out, err);
    if (status == ST_OK) {
        struct vector     vector = { .type = bound->type, .data = &storage, .validity = &validity };
        struct expr_value value  = expr_value_of(&vector, 0);
        status                   = expr_make_constant(arena, &value, &folded, err);
    }
    if (status == ST_OK) {
        folded->source = bound->source;
        folded->offset = bound->offset;
        *ret_folded    = folded;
    }
    expr_state_release(&state);
    expr_program_free(program);
    return status;
}
