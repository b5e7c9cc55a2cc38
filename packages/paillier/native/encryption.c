#include "public.h"

#include <string.h>

#include "batch.h"

/* b += a M mod n for the plain dual (a, b): times 1 + n M. M < 2^11 n, in limbs that carry. */
static void times_message(batch *b, uint64_t *x, const uint64_t *message, uint64_t *product) {
  const ring *const g = b->g;
  b->k->mul(&g->m, product, x, message, b->scratch);
  b->k->mul(&g->m, product, product, g->r[2], b->scratch); /* begins with R^2 mod n */
  b->k->accumulate(g->m.limbs, x + g->number, product);
  b->k->carry(g->m.limbs, x + g->number);
}

int encrypt(const public_key *key, const uint8_t *messages, const uint8_t *ciphertexts,
            const uint8_t *blindings, size_t count, uint8_t *out) {
  const table *const t = atomic_load(&key->table);
  const ring *const g = &key_ring(key, count)->g;
  const kernel *const k = g->k;
  const int bytes = g->bits / 8;
  const size_t blinding = (size_t)g->bits / 16;
  batch b;
  if (!batch_open(&b, g, 11 * g->number)) return NO_MEMORY;
  uint64_t *const start = take_dual(&b);
  uint64_t *const x = take_dual(&b);
  uint64_t *const lifts = take_number(&b);
  uint64_t *const numbers = take_dual(&b);
  const uint8_t *rows[LANES_MAX], *exponents[LANES_MAX];
  uint8_t *results[LANES_MAX];

  /* Every step divides by R; c / R begins with one division more, and its product has another. */
  ring_r_power(g, start, (unsigned)t->windows + (ciphertexts == NULL ? 0 : 2), b.scratch);
  for (size_t at = 0; at < count; at += (size_t)k->lanes) {
    rows_in(exponents, &b, blindings, blinding, at, count);
    rows_out(results, &b, out, at, count);
    memcpy(x, start, 16 * g->number);
    if (ciphertexts != NULL) {
      rows_in(rows, &b, ciphertexts, b.width, at, count);
      load_dual(&b, x, rows);
      k->dual_mul(&g->m, x, x, start, b.scratch);
    }
    memset(lifts, 0, 8 * g->number);
    if (messages != NULL) {
      rows_in(rows, &b, messages, (size_t)bytes, at, count);
      k->load(lifts, g->m.limbs, rows, bytes, 1, b.scratch);
    }
    walk_table(g, t, exponents, blinding, x, lifts, numbers, b.scratch);
    times_message(&b, x, lifts, numbers);
    ring_store(g, results, x, b.scratch);
  }
  batch_close(&b);
  return DONE;
}

int encrypt_blinded(const public_key *key, const uint8_t *messages, const uint8_t *ciphertexts,
                    size_t count, uint8_t *out) {
  const ring *const g = &key_ring(key, count)->g;
  const int bytes = g->bits / 8;
  batch b;
  if (!batch_open(&b, g, 4 * g->number)) return NO_MEMORY;
  uint64_t *const x = take_dual(&b);
  uint64_t *const message = take_number(&b);
  uint64_t *const product = take_number(&b);
  const uint8_t *rows[LANES_MAX];
  uint8_t *results[LANES_MAX];
  for (size_t at = 0; at < count; at += (size_t)g->k->lanes) {
    rows_in(rows, &b, ciphertexts, b.width, at, count);
    load_dual(&b, x, rows);
    g->k->dual_mul(&g->m, x, x, g->r[2], b.scratch);
    rows_in(rows, &b, messages, (size_t)bytes, at, count);
    g->k->load(message, g->m.limbs, rows, bytes, 1, b.scratch);
    times_message(&b, x, message, product);
    rows_out(results, &b, out, at, count);
    ring_store(g, results, x, b.scratch);
  }
  batch_close(&b);
  return DONE;
}
