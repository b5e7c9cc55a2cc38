#include "public.h"

#include <string.h>

#include "batch.h"
#include "inverse.h"

/* x^-1 in Montgomery form for one number, narrow: a^-1 (1 - n b / a) for a + n b. */
static int invert(batch *b, const public_key *key, uint64_t *x) {
  const ring *const g = b->g;
  const kernel *const k = g->k;
  const int bytes = g->bits / 8;
  uint8_t plain[MODULUS_BITS_MAX / 8];
  uint8_t inverse[MODULUS_BITS_MAX / 8];
  uint8_t *const to[1] = {plain};
  const uint8_t *const from[1] = {inverse};
  uint64_t *const value = take_dual(b);
  uint64_t *const start = take_dual(b);
  k->dual_step(&g->m, value, x, g->r[0], b->scratch);
  k->dual_reduce(&g->m, value, b->scratch);
  k->store(to, bytes, 0, value, g->m.limbs, b->scratch);
  if (!inverse_modulo(inverse, plain, key->n, bytes)) return 0;
  /* y = a^-1 mod n is right mod n; y (2 - x y) is right mod n^2 (Newton). */
  memset(start, 0, 16 * g->number);
  k->load(start, g->m.limbs, from, bytes, 0, b->scratch);
  k->dual_mul(&g->m, start, start, g->r[2], b->scratch); /* y R */
  k->dual_mul(&g->m, value, x, start, b->scratch);       /* x y R, = R (1 + n e) */
  k->dual_step(&g->m, value, value, g->r[0], b->scratch); /* 1 + n e */
  k->dual_reduce(&g->m, value, b->scratch);
  uint64_t *const zero = take_number(b);
  memset(zero, 0, 8 * g->number);
  k->sub(&g->m, value + g->number, zero, value + g->number); /* 1 - n e */
  k->dual_mul(&g->m, value, value, g->r[2], b->scratch);
  k->dual_mul(&g->m, x, start, value, b->scratch);
  return 1;
}

/* Montgomery's trick: one inversion for all, three products each. */
int divide(const public_key *key, const uint8_t *ciphertexts, const uint8_t *divisors,
           size_t count, uint8_t *out) {
  const ring *const g = &key->narrow.g;
  const kernel *const k = g->k;
  const size_t dual = 2 * g->number;
  const uint8_t *rows[LANES_MAX];
  uint8_t *results[LANES_MAX];
  batch b;
  if (!batch_open(&b, g, (count + 6) * dual + 2 * g->number)) return NO_MEMORY;
  uint64_t *const all = take_dual(&b);
  uint64_t *const x = take_dual(&b);
  uint64_t *const prefixes = arena_take(&b.work, count * dual);
  memcpy(all, g->r[1], 8 * dual);
  for (size_t i = 0; i < count; i++) {
    memcpy(prefixes + i * dual, all, 8 * dual);
    rows_in(rows, &b, divisors, b.width, i, count);
    load_montgomery(&b, x, rows);
    k->dual_mul(&g->m, all, all, x, b.scratch);
  }
  int result = invert(&b, key, all) ? DONE : NOT_A_UNIT;
  for (size_t i = count; i-- > 0 && result == DONE;) {
    uint64_t *const prefix = prefixes + i * dual;
    k->dual_mul(&g->m, prefix, prefix, all, b.scratch); /* d_i^-1 */
    rows_in(rows, &b, divisors, b.width, i, count);
    load_montgomery(&b, x, rows);
    k->dual_mul(&g->m, all, all, x, b.scratch);
    rows_in(rows, &b, ciphertexts, b.width, i, count);
    load_montgomery(&b, x, rows);
    k->dual_mul(&g->m, x, x, prefix, b.scratch);
    rows_out(results, &b, out, i, count);
    store_montgomery(&b, results, x);
  }
  batch_close(&b);
  return result;
}

/* The numbers x < 4n, reduced, as one row of bytes a lane. */
static void store_lanes(batch *b, uint8_t *rows[], uint64_t *x) {
  for (int i = 0; i < 3; i++) b->k->reduce_once(&b->g->m, x, b->scratch);
  b->k->store(rows, b->g->bits / 8, 0, x, b->g->m.limbs, b->scratch);
}

/* Whether the product of the rows, up to powers of R, has an inverse mod n; `b` is narrow. */
static int are_units(batch *b, const public_key *key, uint8_t *const rows[], int count) {
  const ring *const g = b->g;
  const int bytes = key->bits / 8;
  const size_t used = b->work.used;
  uint8_t product[MODULUS_BITS_MAX / 8];
  uint8_t inverse[MODULUS_BITS_MAX / 8];
  uint8_t *to[1] = {product};
  uint64_t *const all = take_number(b);
  uint64_t *const x = take_number(b);
  memcpy(all, g->r[1], 8 * g->number);
  for (int i = 0; i < count; i++) {
    const uint8_t *const from[1] = {rows[i]};
    g->k->load(x, g->m.limbs, from, bytes, 0, b->scratch);
    g->k->mul(&g->m, all, all, x, b->scratch);
  }
  store_lanes(b, to, all);
  b->work.used = used;
  return inverse_modulo(inverse, product, key->n, bytes);
}

/* c / R of the items at..., with one for lanes that have none or one that is out of range. */
static void load_candidates(batch *b, uint64_t *x, const uint8_t *ciphertexts, size_t at,
                            size_t count, const uint8_t *in_range) {
  const uint8_t *rows[LANES_MAX];
  static const uint8_t zero[MODULUS_BITS_MAX / 4];
  for (int lane = 0; lane < b->k->lanes; lane++) {
    const size_t i = at + (size_t)lane;
    rows[lane] = i < count && in_range[i] ? ciphertexts + i * b->width : zero;
  }
  load_dual(b, x, rows);
  for (int lane = 0; lane < b->k->lanes; lane++) {
    if (rows[lane] == zero) copy_lane(b, x, b->g->r[1], lane, lane);
  }
}

/* One test for the product of all; only when it fails, one each. */
int check(const public_key *key, const uint8_t *ciphertexts, size_t count, uint8_t *out) {
  const ring *const g = &key_ring(key, count)->g;
  const size_t lanes = (size_t)g->k->lanes;
  uint8_t values[LANES_MAX][MODULUS_BITS_MAX / 8];
  uint8_t *rows[LANES_MAX];
  batch b, narrow;
  if (!batch_open(&b, g, 6 * g->number)) return NO_MEMORY;
  if (!batch_open(&narrow, &key->narrow.g, 4 * key->narrow.g.number)) {
    batch_close(&b);
    return NO_MEMORY;
  }
  uint64_t *const all = take_number(&b);
  uint64_t *const x = take_dual(&b);
  for (int lane = 0; lane < LANES_MAX; lane++) rows[lane] = values[lane];
  memcpy(all, g->r[1], 8 * g->number); /* R mod n */
  for (size_t i = 0; i < count; i++) {
    out[i] = memcmp(ciphertexts + i * b.width, key->n2, b.width) < 0;
  }
  for (size_t at = 0; at < count; at += lanes) {
    load_candidates(&b, x, ciphertexts, at, count, out);
    g->k->mul(&g->m, all, all, x, b.scratch);
  }
  store_lanes(&b, rows, all);
  const int is_done = are_units(&narrow, key, rows, (int)lanes);
  for (size_t at = 0; at < count && !is_done; at += lanes) {
    load_candidates(&b, x, ciphertexts, at, count, out);
    store_lanes(&b, rows, x);
    for (size_t lane = 0; lane < lanes && at + lane < count; lane++) {
      if (out[at + lane]) out[at + lane] = (uint8_t)are_units(&narrow, key, rows + lane, 1);
    }
  }
  batch_close(&narrow);
  batch_close(&b);
  return DONE;
}
