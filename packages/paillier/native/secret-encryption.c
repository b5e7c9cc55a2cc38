/*
 * Encryption by whoever holds the primes, for tests and benchmarks: modulo p^2 and q^2 on numbers of
 * half the length, each with a table of its own, put together by the Chinese remainder theorem.
 */
#include <string.h>

#include "batch.h"
#include "secret.h"

/* The same number (big-endian) in every lane. */
static void load_spread(const ring *g, uint64_t *r, int limbs, const uint8_t *number, int bytes,
                        uint64_t *scratch) {
  const uint8_t *rows[LANES_MAX];
  for (int lane = 0; lane < LANES_MAX; lane++) rows[lane] = number;
  g->k->load(r, limbs, rows, bytes, 1, scratch);
}

/* Whether x y = 1 mod p, for numbers in Montgomery form below 2p; without a branch. */
static int are_inverse(const ring *g, const uint64_t *x, const uint64_t *y, uint64_t *product,
                       uint64_t *scratch) {
  uint64_t differs = 0;
  g->k->mul(&g->m, product, x, y, scratch);
  g->k->reduce_once(&g->m, product, scratch);
  for (size_t i = 0; i < g->number; i++) differs |= product[i] ^ g->r[1][i];
  return differs == 0;
}

/* The table of hs mod p^2; `is_unit` is left alone if hs is a unit mod p, else 0. */
static table *build_half_table(const secret_half *half, const uint8_t *hs, int exponent_bits,
                               int window_bits, int *is_unit, arena *work) {
  const ring *const g = &half->narrow;
  const int bytes = g->bits / 8;
  const size_t used = work->used;
  uint64_t *const c = arena_take(work, 4 * g->number);
  uint64_t *const x = arena_take(work, 2 * g->number);
  uint64_t *const part = arena_take(work, 2 * g->number);
  uint64_t *const inverse = arena_take(work, g->number);
  uint64_t *const scratch = arena_take(work, ring_scratch_words(g));
  uint8_t *const base = (uint8_t *)arena_take(work, (size_t)bytes / 4);
  uint8_t *const base_inverse = (uint8_t *)arena_take(work, (size_t)bytes / 8);
  uint8_t *const base_to[1] = {base};
  uint8_t *const inverse_to[1] = {base_inverse};

  load_spread(g, c, 4 * g->m.limbs, hs, 4 * bytes, scratch);
  reduce_parts(g, x, c, 4, part, scratch);
  g->k->dual_step(&g->m, x, x, g->r[0], scratch);
  memcpy(part, x, 16 * g->number);
  ring_store(g, base_to, part, scratch);
  g->k->mul(&g->m, x, x, g->r[2], scratch);
  fermat_inverse(g, inverse, x, half->prime, work);
  *is_unit &= are_inverse(g, x, inverse, part, scratch);
  g->k->mul(&g->m, inverse, inverse, g->r[0], scratch);
  g->k->reduce_once(&g->m, inverse, scratch);
  g->k->store(inverse_to, bytes, 0, inverse, g->m.limbs, scratch);
  table *const built = table_build(g, &half->wide, base, base_inverse, exponent_bits, window_bits);
  work->used = used;
  return built;
}

/* q R and q R^2 mod p, the forms of the cofactor that `encrypt_half` wants. */
static void prepare_cofactor(secret_half *half, const uint8_t *q, arena *work) {
  const ring *const g = &half->wide;
  const size_t used = work->used;
  uint64_t *const scratch = arena_take(work, ring_scratch_words(g));
  load_spread(g, half->cofactor, g->m.limbs, q, g->bits / 8, scratch);
  g->k->mul(&g->m, half->cofactor, half->cofactor, g->r[2], scratch);
  g->k->mul(&g->m, half->cofactor_r, half->cofactor, g->r[2], scratch);
  work->used = used;
}

/* p^-2 and -p^-2 mod q^2, from p^-1 mod q by a step of Newton's. */
static void prepare_crt(secret_key *key, const uint8_t *p, const uint8_t *q, arena *work) {
  const ring *const g = &key->q.wide;
  const kernel *const k = g->k;
  const modulus *const m = &g->m;
  const size_t used = work->used;
  uint64_t *const number = arena_take(work, g->number);
  uint64_t *const inverse = arena_take(work, g->number);
  uint64_t *const x = arena_take(work, 2 * g->number);
  uint64_t *const y = arena_take(work, 2 * g->number);
  uint64_t *const error = arena_take(work, 2 * g->number);
  uint64_t *const zero = arena_take(work, g->number);
  uint64_t *const scratch = arena_take(work, ring_scratch_words(g));
  memset(zero, 0, 8 * g->number);
  load_spread(g, number, m->limbs, p, g->bits / 8, scratch);
  k->dual_step(m, x, g->r[2], number, scratch); /* p */
  k->mul_plain(m->limbs, key->p_squared, number, number, zero, scratch);
  k->mul(m, number, number, g->r[2], scratch);
  fermat_inverse(g, inverse, number, q, work);
  k->mul(m, inverse, inverse, g->r[0], scratch);
  memset(y, 0, 16 * g->number);
  memcpy(y, inverse, 8 * g->number);
  k->dual_mul(m, y, y, g->r[2], scratch);
  k->dual_mul(m, error, x, y, scratch);
  k->dual_step(m, error, error, g->r[0], scratch);
  k->dual_reduce(m, error, scratch); /* 1 + q e */
  k->sub(m, error + g->number, zero, error + g->number);
  k->dual_mul(m, error, error, g->r[2], scratch);
  k->dual_mul(m, y, y, error, scratch);
  k->dual_mul(m, key->crt, y, y, scratch);

  memcpy(x, m->n_lanes, 8 * g->number); /* -1 = (q - 1) + q (q - 1) */
  for (int lane = 0; lane < k->lanes; lane++) x[lane] -= 1; /* q is odd */
  memcpy(x + g->number, x, 8 * g->number);
  k->dual_mul(m, x, x, g->r[2], scratch);
  k->dual_mul(m, key->crt_minus, key->crt, x, scratch);
  work->used = used;
}

/* Builds all before it says whether hs is a unit: nothing branches on what comes of secrets. */
static int build_tables(secret_key *key, const uint8_t *hs, int window_bits) {
  const size_t number = key->p.wide.number;
  int is_unit = 1;
  arena work;
  if (!arena_open(&work, 24 * number + 6 * ring_scratch_words(&key->p.wide))) return NO_MEMORY;
  secret_half *const halves[2] = {&key->p, &key->q};
  for (int i = 0; i < 2; i++) {
    halves[i]->table =
        build_half_table(halves[i], hs, key->bits / 2, window_bits, &is_unit, &work);
  }
  const int is_built = key->p.table != NULL && key->q.table != NULL &&
                       arena_open(&key->memory, 10 * number);
  if (is_built) {
    for (int i = 0; i < 2; i++) {
      halves[i]->cofactor = arena_take(&key->memory, number);
      halves[i]->cofactor_r = arena_take(&key->memory, number);
      prepare_cofactor(halves[i], halves[1 - i]->prime, &work);
    }
    key->p_squared = arena_take(&key->memory, 2 * number);
    key->crt = arena_take(&key->memory, 2 * number);
    key->crt_minus = arena_take(&key->memory, 2 * number);
    prepare_crt(key, key->p.prime, key->q.prime, &work);
  }
  arena_close(&work);
  if (!is_built) return NO_MEMORY;
  return BASE_NOT_A_UNIT + (DONE - BASE_NOT_A_UNIT) * is_unit;
}

void secret_free_tables(secret_key *key) {
  table *const tables[2] = {key->p.table, key->q.table};
  for (int i = 0; i < 2; i++) {
    if (tables[i] != NULL) wipe(tables[i]->entries, tables[i]->bytes);
    table_free(tables[i]);
  }
  key->p.table = NULL;
  key->q.table = NULL;
  arena_close(&key->memory);
}

int secret_build_tables(secret_key *key, const uint8_t *hs, int window_bits) {
  pthread_mutex_lock(&key->lock);
  int outcome = DONE;
  if (!atomic_load(&key->can_encrypt)) {
    secret_free_tables(key); /* those of a base that was refused */
    outcome = build_tables(key, hs, window_bits);
    atomic_store(&key->can_encrypt, outcome == DONE);
  }
  pthread_mutex_unlock(&key->lock);
  return outcome;
}

/* (1 + M n) hs^a mod p^2, where 1 + M n = 1 + p (M q mod p): the product of the steps, plain. */
static void encrypt_half(const secret_half *half, batch *b, uint64_t *x, const uint64_t *start,
                         const uint64_t *message, const uint8_t *const exponents[],
                         uint64_t *numbers) {
  const ring *const g = &half->wide;
  const kernel *const k = g->k;
  const modulus *const m = &g->m;
  uint64_t *const lifts = numbers;
  uint64_t *const factor = numbers + g->number;
  memcpy(x, start, 16 * g->number);
  k->mul(m, lifts, message, half->cofactor, b->scratch);
  k->mul(m, factor, message + g->number, half->cofactor_r, b->scratch);
  k->accumulate(m->limbs, lifts, factor);
  walk_table(g, half->table, exponents, (size_t)g->bits / 8, x, lifts, factor, b->scratch);
  k->mul(m, factor, x, lifts, b->scratch);
  k->mul(m, factor, factor, g->r[2], b->scratch);
  k->accumulate(m->limbs, x + g->number, factor);
  k->carry(m->limbs, x + g->number);
}

int secret_encrypt(const secret_key *key, const uint8_t *messages, const uint8_t *blindings,
                   size_t count, uint8_t *out) {
  const ring *const p = &key->p.wide;
  const ring *const q = &key->q.wide;
  const kernel *const k = p->k;
  const int limbs = p->m.limbs;
  const size_t number = p->number;
  const size_t bytes = (size_t)key->bits / 8;
  const uint8_t *rows[LANES_MAX], *exponents[LANES_MAX];
  uint8_t *results[LANES_MAX];
  batch b;
  if (!batch_open(&b, p, 24 * number + bytes / 4)) return NO_MEMORY;
  uint64_t *const start_p = take_dual(&b);
  uint64_t *const start_q = take_dual(&b);
  uint64_t *const message = take_dual(&b);
  uint64_t *const x = take_dual(&b);
  uint64_t *const y = take_dual(&b);
  uint64_t *const part = take_dual(&b);
  uint64_t *const numbers = arena_take(&b.work, 3 * number);
  uint64_t *const wide = arena_take(&b.work, 4 * number);
  b.width = 2 * bytes;
  b.nowhere = (uint8_t *)arena_take(&b.work, bytes / 4);
  ring_r_power(p, start_p, (unsigned)key->p.table->windows, b.scratch);
  ring_r_power(q, start_q, (unsigned)key->q.table->windows, b.scratch);
  for (size_t at = 0; at < count; at += (size_t)k->lanes) {
    rows_in(rows, &b, messages, bytes, at, count);
    rows_in(exponents, &b, blindings, bytes / 2, at, count);
    rows_out(results, &b, out, at, count);
    k->load(message, 2 * limbs, rows, (int)bytes, 1, b.scratch);
    encrypt_half(&key->p, &b, x, start_p, message, exponents, numbers);
    encrypt_half(&key->q, &b, y, start_q, message, exponents, numbers);
    /* c_p below p^2 as one number, in x. */
    k->dual_reduce(&p->m, x, b.scratch);
    k->mul_plain(limbs, x, p->m.n_lanes, x + number, x, b.scratch);
    /* t = (c_q - c_p) p^-2 mod q^2, then c = c_p + p^2 t (Garner). */
    k->dual_mul(&q->m, y, y, key->crt, b.scratch);
    reduce_parts(q, message, x, 2, part, b.scratch);
    k->dual_step(&q->m, message, message, q->r[0], b.scratch);
    k->dual_mul(&q->m, message, message, key->crt_minus, b.scratch);
    k->accumulate(limbs, y, message);
    k->accumulate(limbs, y + number, message + number);
    k->carry(limbs, y);
    k->carry(limbs, y + number);
    k->dual_reduce(&q->m, y, b.scratch);
    k->mul_plain(limbs, y, q->m.n_lanes, y + number, y, b.scratch);
    k->mul_plain(2 * limbs, wide, key->p_squared, y, x, b.scratch);
    k->store(results, (int)b.width, 1, wide, 4 * limbs, b.scratch);
  }
  batch_close(&b);
  return DONE;
}
