#define _DEFAULT_SOURCE /* madvise */
#include <stdlib.h>
#include <string.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "key.h"

void table_free(table *t) {
  if (t == NULL) return;
  free(t->entries);
  free(t);
}

/* g_i = base^(2^(w i)) as a and b of a + n b, and g_i^-1 mod n, for each window: three rows. */
static int find_bases(const ring *g, const uint8_t *base, const uint8_t *base_inverse,
                      int window_bits, int windows, uint8_t *bases) {
  const kernel *const k = g->k;
  const int bytes = g->bits / 8;
  arena work;
  if (!arena_open(&work, 6 * g->number + ring_scratch_words(g))) return 0;
  uint64_t *const x = arena_take(&work, 2 * g->number);
  uint64_t *const plain = arena_take(&work, 2 * g->number);
  uint64_t *const inverse = arena_take(&work, g->number);
  uint64_t *const scratch = arena_take(&work, ring_scratch_words(g));
  const uint8_t *const from[1] = {base};
  const uint8_t *const inverse_from[1] = {base_inverse};
  k->load(plain, 2 * g->m.limbs, from, 2 * bytes, 1, scratch);
  k->dual_from(&g->m, x, plain, scratch);
  k->dual_mul(&g->m, x, x, g->r[3], scratch); /* Montgomery form */
  k->load(inverse, g->m.limbs, inverse_from, bytes, 0, scratch);
  k->mul(&g->m, inverse, inverse, g->r[2], scratch); /* r[2] starts with R^2 mod n */
  for (int i = 0; i < windows; i++) {
    uint8_t *const row = bases + (size_t)i * 3 * (size_t)bytes;
    uint8_t *const a[1] = {row};
    uint8_t *const b[1] = {row + bytes};
    uint8_t *const c[1] = {row + 2 * bytes};
    k->dual_step(&g->m, plain, x, g->r[0], scratch);
    k->dual_reduce(&g->m, plain, scratch);
    k->store(a, bytes, 0, plain, g->m.limbs, scratch);
    k->store(b, bytes, 0, plain + g->number, g->m.limbs, scratch);
    k->mul(&g->m, plain, inverse, g->r[0], scratch);
    k->reduce_once(&g->m, plain, scratch);
    k->store(c, bytes, 0, plain, g->m.limbs, scratch);
    for (int bit = 0; bit < window_bits; bit++) {
      k->dual_sqr(&g->m, x, x, scratch);
      k->mul(&g->m, inverse, inverse, inverse, scratch);
    }
  }
  arena_close(&work);
  return 1;
}

/*
 * The entries of as many windows as there are lanes: z_d = z_(d-1) g as a + n b = a (1 + n b / a), so
 * T = a and u = b a^-1, with a^-1 carried along as a power of g^-1.
 */
static void fill_windows(const ring *g, table *t, const uint8_t *bases, int first,
                         arena *work) {
  const kernel *const k = g->k;
  const int bytes = g->bits / 8;
  const size_t entry = 2 * (size_t)bytes;
  const size_t used = work->used;
  uint64_t *const base = arena_take(work, 2 * g->number);
  uint64_t *const base_inverse = arena_take(work, g->number);
  uint64_t *const z = arena_take(work, 2 * g->number);
  uint64_t *const plain = arena_take(work, 2 * g->number);
  uint64_t *const inverse = arena_take(work, g->number);
  uint64_t *const scratch = arena_take(work, ring_scratch_words(g));
  const uint8_t *a[LANES_MAX], *b[LANES_MAX], *c[LANES_MAX];
  uint8_t *to[LANES_MAX];
  for (int lane = 0; lane < k->lanes; lane++) {
    /* Lanes beyond the last window repeat it. */
    const int window = first + lane < t->windows ? first + lane : t->windows - 1;
    const uint8_t *const row = bases + (size_t)window * 3 * (size_t)bytes;
    a[lane] = row;
    b[lane] = row + bytes;
    c[lane] = row + 2 * bytes;
    to[lane] = t->entries + ((size_t)window << t->window_bits) * entry;
    memset(to[lane], 0, entry);
    to[lane][0] = 1;
  }
  k->load(base, g->m.limbs, a, bytes, 0, scratch);
  k->load(base + g->number, g->m.limbs, b, bytes, 0, scratch);
  k->load(base_inverse, g->m.limbs, c, bytes, 0, scratch);
  memcpy(z, base, 16 * g->number);
  k->dual_mul(&g->m, base, base, g->r[2], scratch);
  k->mul(&g->m, base_inverse, base_inverse, g->r[2], scratch);
  memcpy(inverse, base_inverse, 8 * g->number);
  for (int digit = 1; digit < 1 << t->window_bits; digit++) {
    for (int lane = 0; lane < k->lanes; lane++) to[lane] += entry;
    memcpy(plain, z, 16 * g->number);
    k->dual_reduce(&g->m, plain, scratch);
    k->store(to, bytes, 0, plain, g->m.limbs, scratch);
    k->mul(&g->m, plain, plain + g->number, inverse, scratch);
    k->reduce_once(&g->m, plain, scratch);
    uint8_t *lifts[LANES_MAX];
    for (int lane = 0; lane < k->lanes; lane++) lifts[lane] = to[lane] + bytes;
    k->store(lifts, bytes, 0, plain, g->m.limbs, scratch);
    k->dual_mul(&g->m, z, z, base, scratch);
    k->mul(&g->m, inverse, inverse, base_inverse, scratch);
  }
  work->used = used;
}

/* Look-ups are scattered over megabytes: large pages spare a page walk each. */
static uint8_t *allocate_entries(size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  const size_t page = (size_t)1 << 21;
  void *const entries = aligned_alloc(page, (bytes + page - 1) / page * page);
  if (entries != NULL) (void)madvise(entries, bytes, MADV_HUGEPAGE);
  return entries;
#else
  return malloc(bytes);
#endif
}

table *table_build(const ring *narrow, const ring *wide, const uint8_t *base,
                   const uint8_t *inverse, int exponent_bits, int window_bits) {
  const int windows = (exponent_bits + window_bits - 1) / window_bits;
  const size_t bytes = (size_t)wide->bits / 8;
  const size_t bases_bytes = (size_t)windows * 3 * bytes;
  const size_t entries_bytes = ((size_t)windows << window_bits) * 2 * bytes;
  arena work = {0};
  uint8_t *const bases = malloc(bases_bytes);
  table *t = calloc(1, sizeof *t);
  if (t != NULL) {
    t->window_bits = window_bits;
    t->windows = windows;
    t->bytes = entries_bytes;
    t->entries = allocate_entries(entries_bytes);
  }
  const int is_ready = t != NULL && t->entries != NULL && bases != NULL &&
                       arena_open(&work, 9 * wide->number + ring_scratch_words(wide)) &&
                       find_bases(narrow, base, inverse, window_bits, windows, bases);
  for (int i = 0; i < windows && is_ready; i += wide->k->lanes) {
    fill_windows(wide, t, bases, i, &work);
  }
  arena_close(&work);
  if (bases != NULL) wipe(bases, bases_bytes);
  free(bases);
  if (is_ready) return t;
  table_free(t);
  return NULL;
}

void walk_table(const ring *g, const table *t, const uint8_t *const exponents[], size_t bytes,
                uint64_t *x, uint64_t *lifts, uint64_t *numbers, uint64_t *scratch) {
  const kernel *const k = g->k;
  const int limbs = g->m.limbs;
  const int half = g->bits / 8;
  const size_t entry = 2 * (size_t)half;
  uint64_t *const factor = numbers;
  uint64_t *const lift = numbers + g->number;
  const uint8_t *entries[LANES_MAX], *uppers[LANES_MAX];
  for (int window = 0; window < t->windows; window++) {
    const uint8_t *const rows = t->entries + ((size_t)window << t->window_bits) * entry;
    const uint8_t *const next = rows + (entry << t->window_bits);
    for (int lane = 0; lane < k->lanes; lane++) {
      entries[lane] = rows + digit_of(exponents[lane], bytes, t->window_bits, window) * entry;
      uppers[lane] = entries[lane] + half;
      if (window + 1 == t->windows) continue;
      const uint8_t *const ahead =
          next + digit_of(exponents[lane], bytes, t->window_bits, window + 1) * entry;
      for (size_t line = 0; line < entry; line += 64) __builtin_prefetch(ahead + line);
    }
    k->load(factor, limbs, entries, half, 0, scratch);
    k->load(lift, limbs, uppers, half, 0, scratch);
    k->dual_step(&g->m, x, x, factor, scratch);
    k->accumulate(limbs, lifts, lift);
  }
  k->carry(limbs, lifts);
}
