/* What the compiler calls with -fsanitize=undefined (CHECKED=1): arithmetic and indices that C leaves
 * undefined. It gives the place in the source itself. Names and structures are the compiler's
 * (GCC: gcc/ubsan.cc; clang: lib/ubsan/ubsan_handlers.h). */
#include "x86/panic.h"

struct place { const char *file; u32 line, column; };
struct type { u16 kind, info; char name[]; };
struct about_index   { struct place at; const struct type *array, *index; };
struct about_shift   { struct place at; const struct type *left, *right; };
struct about_value   { struct place at; const struct type *type; };

#define IS_INTEGER    0
#define IS_SIGNED     1u
#define PANIC(p, fmt, ...) panic("undefined: " fmt " (%s:%u)", __VA_ARGS__, (p)->file, (p)->line)

/* Values wider than a word are passed by reference. */
static s64 value(const struct type *t, u32 given)
{
	u32 bits = t->kind == IS_INTEGER ? 1u << (t->info >> 1) : 32;
	u32 unused = bits < 32 ? 32 - bits : 0;

	if (bits > 32)
		return *(const s64 *)given;
	return t->info & IS_SIGNED ? (s64)((s32)(given << unused) >> unused) : (s64)given;
}

void __ubsan_handle_out_of_bounds(const struct about_index *a, u32 index);
void __ubsan_handle_out_of_bounds(const struct about_index *a, u32 index)
{
	PANIC(&a->at, "index %lld of %s", value(a->index, index), a->array->name);
}

void __ubsan_handle_shift_out_of_bounds(const struct about_shift *s, u32 left, u32 right);
void __ubsan_handle_shift_out_of_bounds(const struct about_shift *s, u32 left, u32 right)
{
	PANIC(&s->at, "%s %lld shifted by %lld", s->left->name, value(s->left, left), value(s->right, right));
}

void __ubsan_handle_divrem_overflow(const struct about_value *v, u32 left, u32 right);
void __ubsan_handle_divrem_overflow(const struct about_value *v, u32 left, u32 right)
{
	PANIC(&v->at, "%s %lld divided by %lld", v->type->name, value(v->type, left), value(v->type, right));
}

void __ubsan_handle_load_invalid_value(const struct about_value *v, u32 loaded);
void __ubsan_handle_load_invalid_value(const struct about_value *v, u32 loaded)
{
	PANIC(&v->at, "%u as a %s", loaded, v->type->name);
}

void __ubsan_handle_builtin_unreachable(const struct place *p);
void __ubsan_handle_builtin_unreachable(const struct place *p)
{
	PANIC(p, "%s", "a place that cannot be reached was");
}
