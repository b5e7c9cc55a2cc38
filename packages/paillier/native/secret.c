#include "secret.h"

#include <stdlib.h>
#include <string.h>

#include "batch.h"

static pthread_mutex_t references_lock = PTHREAD_MUTEX_INITIALIZER;

/* The window digits of a number, most significant first, the same for every lane. */
static void spread_digits(uint32_t *digits, const uint8_t *number, size_t bytes, int windows,
                          int lanes) {
  for (int i = 0; i < windows; i++) {
    const uint32_t digit = digit_of(number, bytes, SECRET_WINDOW_BITS, windows - 1 - i);
    for (int lane = 0; lane < lanes; lane++) digits[i * lanes + lane] = digit;
  }
}

static int windows_of(size_t bytes) {
  return (int)((8 * bytes + SECRET_WINDOW_BITS - 1) / SECRET_WINDOW_BITS);
}

/*
 * x^-1 mod p for x in Montgomery form, by Fermat: x^(p-2), multiplying at every bit and keeping the
 * product where the bit is set. p big-endian. Needs 4 numbers of `work`, and scratch.
 */
void fermat_inverse(const ring *g, uint64_t *r, const uint64_t *x, const uint8_t *p, arena *work) {
  const kernel *const k = g->k;
  const int bytes = g->bits / 8;
  const size_t used = work->used;
  uint64_t *const base = arena_take(work, g->number);
  uint64_t *const pair = arena_take(work, 2 * g->number); /* the power, and times the base */
  uint64_t *const scratch = arena_take(work, ring_scratch_words(g));
  uint8_t exponent[MODULUS_BITS_MAX / 16];
  memcpy(exponent, p, (size_t)bytes);
  exponent[bytes - 1] -= 2; /* p is 3 mod 4: no borrow */
  memcpy(base, x, 8 * g->number);
  memcpy(r, g->r[1], 8 * g->number);
  for (int bit = 8 * bytes - 1; bit >= 0; bit--) {
    uint32_t digits[LANES_MAX];
    const uint32_t is_set = exponent[bytes - 1 - bit / 8] >> (bit % 8) & 1;
    for (int lane = 0; lane < LANES_MAX; lane++) digits[lane] = is_set;
    k->mul(&g->m, pair, r, r, scratch);
    k->mul(&g->m, pair + g->number, pair, base, scratch);
    k->select(r, pair, g->number, 2, digits);
  }
  k->reduce_once(&g->m, r, scratch);
  wipe(exponent, sizeof exponent);
  work->used = used;
}

/* -q^-1 mod p in Montgomery form. */
static void find_divisor(const ring *g, uint64_t *divisor, const uint8_t *p, const uint8_t *q,
                         arena *work) {
  const size_t used = work->used;
  uint64_t *const number = arena_take(work, g->number);
  uint64_t *const scratch = arena_take(work, ring_scratch_words(g));
  const uint8_t *rows[LANES_MAX];
  for (int lane = 0; lane < LANES_MAX; lane++) rows[lane] = q;
  g->k->load(number, g->m.limbs, rows, g->bits / 8, 1, scratch);
  g->k->mul(&g->m, number, number, g->r[2], scratch);
  fermat_inverse(g, divisor, number, p, work);
  memset(number, 0, 8 * g->number);
  g->k->sub(&g->m, divisor, number, divisor);
  work->used = used;
}

void reduce_parts(const ring *g, uint64_t *x, const uint64_t *c, int parts, uint64_t *part,
                  uint64_t *scratch) {
  const int limbs = g->m.limbs;
  memset(x, 0, 16 * g->number);
  for (int i = 0; i < parts; i++) { /* c_i R^(i+2) / R */
    g->k->dual_step(&g->m, part, g->r[i + 2], c + (size_t)i * g->number, scratch);
    g->k->accumulate(limbs, x, part);
    g->k->accumulate(limbs, x + g->number, part + g->number);
  }
  g->k->carry(limbs, x);
  g->k->carry(limbs, x + g->number);
}

static int half_prepare(secret_half *half, const uint8_t *q, int bits, kernel_pair kernels) {
  const uint8_t *const p = half->prime;
  uint8_t little_endian[MODULUS_BITS_MAX / 16];
  const size_t bytes = (size_t)bits / 8;
  for (size_t i = 0; i < bytes; i++) little_endian[i] = p[bytes - 1 - i];
  half->windows = windows_of(bytes);
  const int is_open = ring_open(&half->wide, kernels.wide, little_endian, bits) &&
                      ring_open(&half->narrow, kernels.narrow, little_endian, bits);
  wipe(little_endian, sizeof little_endian);
  if (!is_open) return 0;
  const ring *const wide = &half->wide;
  const ring *const narrow = &half->narrow;
  const size_t digits = (size_t)half->windows * LANES_MAX;
  arena work;
  if (!arena_open(&half->memory, wide->number + narrow->number + 2 * digits)) return 0;
  if (!arena_open(&work, 6 * narrow->number + 3 * ring_scratch_words(narrow) +
                             ring_scratch_words(wide) + bytes / 8)) {
    return 0;
  }
  half->wide_divisor = arena_take(&half->memory, wide->number);
  half->narrow_divisor = arena_take(&half->memory, narrow->number);
  half->digits_wide = arena_take(&half->memory, digits);
  half->digits_narrow = arena_take(&half->memory, digits);
  find_divisor(narrow, half->narrow_divisor, p, q, &work);

  /* The same number for all lanes, from plain bytes. */
  uint64_t *const scratch = arena_take(&work, ring_scratch_words(wide));
  uint64_t *const plain = arena_take(&work, narrow->number);
  uint8_t *const value = (uint8_t *)arena_take(&work, bytes / 8);
  uint8_t *const to[1] = {value};
  const uint8_t *from[LANES_MAX];
  for (int lane = 0; lane < LANES_MAX; lane++) from[lane] = value;
  narrow->k->mul(&narrow->m, plain, half->narrow_divisor, narrow->r[0], scratch);
  narrow->k->reduce_once(&narrow->m, plain, scratch);
  narrow->k->store(to, (int)bytes, 0, plain, narrow->m.limbs, scratch);
  wide->k->load(half->wide_divisor, wide->m.limbs, from, (int)bytes, 0, scratch);
  wide->k->mul(&wide->m, half->wide_divisor, half->wide_divisor, wide->r[2], scratch);
  arena_close(&work);

  uint8_t exponent[MODULUS_BITS_MAX / 16];
  memcpy(exponent, p, bytes);
  exponent[bytes - 1] -= 1;
  spread_digits((uint32_t *)half->digits_wide, exponent, bytes, half->windows, wide->k->lanes);
  spread_digits((uint32_t *)half->digits_narrow, exponent, bytes, half->windows,
                narrow->k->lanes);
  wipe(exponent, sizeof exponent);
  return 1;
}

static void half_close(secret_half *half) {
  ring_close(&half->wide);
  ring_close(&half->narrow);
  arena_close(&half->memory);
}

secret_key *secret_open(const uint8_t *p, const uint8_t *q, int bits, kernel_pair kernels) {
  const size_t bytes = (size_t)bits / 16;
  secret_key *const key = calloc(1, sizeof *key);
  if (key == NULL || pthread_mutex_init(&key->lock, NULL) != 0) {
    free(key);
    return NULL;
  }
  key->references = 1;
  key->bits = bits;
  key->kernels = kernels;
  memcpy(key->p.prime, p, bytes);
  memcpy(key->q.prime, q, bytes);
  return key;
}

int secret_prepare(secret_key *key) {
  if (atomic_load(&key->is_prepared)) return DONE;
  pthread_mutex_lock(&key->lock);
  int is_done = atomic_load(&key->is_prepared);
  if (!is_done) {
    is_done = half_prepare(&key->p, key->q.prime, key->bits / 2, key->kernels) &&
              half_prepare(&key->q, key->p.prime, key->bits / 2, key->kernels);
    if (!is_done) {
      half_close(&key->p);
      half_close(&key->q);
    }
    atomic_fetch_add(&keys_prepared, 1);
    atomic_store(&key->is_prepared, is_done);
  }
  pthread_mutex_unlock(&key->lock);
  return is_done ? DONE : NO_MEMORY;
}

secret_key *secret_retain(secret_key *key) {
  pthread_mutex_lock(&references_lock);
  key->references++;
  pthread_mutex_unlock(&references_lock);
  return key;
}

void secret_release(secret_key *key) {
  pthread_mutex_lock(&references_lock);
  const int is_last = --key->references == 0;
  pthread_mutex_unlock(&references_lock);
  if (!is_last) return;
  half_close(&key->p);
  half_close(&key->q);
  secret_free_tables(key);
  pthread_mutex_destroy(&key->lock);
  wipe(key, sizeof *key);
  free(key);
}

/*
 * The plaintexts mod p: L(c^(p-1)) L(g^(p-1))^-1 with L(z) = (z - 1) / p (Paillier 1999, section 7).
 * c comes in four parts c_i < R, c = sum c_i R^i. By Fermat c^(p-1) = 1 + p b: `b` is what counts,
 * and a number other than 1 says that p divides c. Returns 0 in that case.
 */
static int decrypt_half(const secret_half *half, int is_wide, uint64_t *message, const uint64_t *c,
                        batch *b) {
  const ring *const g = is_wide ? &half->wide : &half->narrow;
  const kernel *const k = g->k;
  const modulus *const m = &g->m;
  const size_t used = b->work.used;
  uint64_t *const x = take_dual(b);
  uint64_t *const part = take_dual(b);
  uint64_t *const powers = arena_take(&b->work, ring_power_words(g, SECRET_WINDOW_BITS));
  uint64_t *const scratch = b->scratch;
  reduce_parts(g, x, c, 4, part, scratch);
  const uint64_t *const digits = is_wide ? half->digits_wide : half->digits_narrow;
  ring_power(g, x, SECRET_WINDOW_BITS, half->windows, (const uint32_t *)digits, powers, scratch);
  k->dual_step(m, x, x, g->r[0], scratch);
  k->dual_reduce(m, x, scratch);
  uint64_t differs = 0;
  for (size_t i = 0; i < g->number; i++) differs |= x[i] ^ g->r[0][i];
  k->mul(m, message, x + g->number, is_wide ? half->wide_divisor : half->narrow_divisor, scratch);
  k->reduce_once(m, message, scratch);
  b->work.used = used;
  return differs == 0;
}

int decrypt(const secret_key *key, const uint8_t *ciphertexts, size_t count, uint8_t *out) {
  const int is_wide = count >= WIDE_ITEMS_MIN;
  const ring *const p = is_wide ? &key->p.wide : &key->p.narrow;
  const ring *const q = is_wide ? &key->q.wide : &key->q.narrow;
  const kernel *const k = p->k;
  const size_t bytes = (size_t)key->bits / 8;
  const uint8_t *rows[LANES_MAX];
  uint8_t *results[LANES_MAX];
  int are_units = 1;
  batch b; /* modulo p^2: its items, of bits/8 bytes, are our plaintexts */
  if (!batch_open(&b, p, 12 * p->number + ring_power_words(p, SECRET_WINDOW_BITS))) {
    return NO_MEMORY;
  }
  uint64_t *const c = arena_take(&b.work, 4 * p->number);
  uint64_t *const by_p = take_number(&b);
  uint64_t *const by_q = take_number(&b);
  uint64_t *const both = take_dual(&b);
  uint64_t *const scratch = b.scratch;
  for (size_t at = 0; at < count; at += (size_t)k->lanes) {
    rows_in(rows, &b, ciphertexts, 2 * bytes, at, count);
    rows_out(results, &b, out, at, count);
    k->load(c, 4 * p->m.limbs, rows, 2 * (int)bytes, 1, scratch);
    are_units &= decrypt_half(&key->p, is_wide, by_p, c, &b);
    are_units &= decrypt_half(&key->q, is_wide, by_q, c, &b);
    /* Garner: m_q + q ((m_p - m_q) q^-1 mod p), where -q^-1 mod p is at hand; q < 2p. */
    memcpy(both, by_q, 8 * p->number);
    k->reduce_once(&p->m, both, scratch);
    k->sub(&p->m, by_p, both, by_p);
    k->mul(&p->m, by_p, by_p, is_wide ? key->p.wide_divisor : key->p.narrow_divisor, scratch);
    k->reduce_once(&p->m, by_p, scratch);
    k->mul_plain(p->m.limbs, both, q->m.n_lanes, by_p, by_q, scratch);
    k->store(results, (int)bytes, 1, both, 2 * p->m.limbs, scratch);
  }
  batch_close(&b);
  /* All that may be learnt of this (secret.h); without a branch, so that a checker finds none. */
  return NOT_A_UNIT + (DONE - NOT_A_UNIT) * are_units;
}

int secret_power(const public_key *key, const uint8_t *ciphertexts, size_t count,
                 const uint8_t *exponent, size_t width, uint8_t *out) {
  const ring *const g = &key_ring(key, count)->g;
  const int windows = windows_of(width);
  const size_t digit_words = (size_t)windows * LANES_MAX;
  const uint8_t *rows[LANES_MAX];
  uint8_t *results[LANES_MAX];
  batch b;
  if (!batch_open(&b, g, 2 * g->number + ring_power_words(g, SECRET_WINDOW_BITS) + digit_words)) {
    return NO_MEMORY;
  }
  uint64_t *const x = take_dual(&b);
  uint64_t *const powers = arena_take(&b.work, ring_power_words(g, SECRET_WINDOW_BITS));
  uint32_t *const digits = (uint32_t *)arena_take(&b.work, digit_words);
  spread_digits(digits, exponent, width, windows, g->k->lanes);
  for (size_t at = 0; at < count; at += (size_t)g->k->lanes) {
    rows_in(rows, &b, ciphertexts, b.width, at, count);
    rows_out(results, &b, out, at, count);
    load_montgomery(&b, x, rows);
    ring_power(g, x, SECRET_WINDOW_BITS, windows, digits, powers, b.scratch);
    store_montgomery(&b, results, x);
  }
  batch_close(&b);
  return DONE;
}
