#include "key.h"

#include <stdlib.h>
#include <string.h>

#include "inverse.h"

static pthread_mutex_t keys_lock = PTHREAD_MUTEX_INITIALIZER;
static public_key *keys;
atomic_uint keys_prepared;

static void product_ring_close(product_ring *p) {
  ring_close(&p->g);
  arena_close(&p->memory);
}

static int product_ring_open(product_ring *p, const kernel *k, const uint8_t *n, int bits) {
  if (!ring_open(&p->g, k, n, bits)) return 0;
  const ring *const g = &p->g;
  const size_t dual = 2 * g->number;
  const size_t low = (size_t)1 << CORRECTION_BITS;
  const size_t high = FACTORS_BITS_MAX - CORRECTION_BITS;
  arena work;
  if (!arena_open(&p->memory, (low + high) * dual)) return 0;
  if (!arena_open(&work, ring_scratch_words(g))) return 0;
  p->low = arena_take(&p->memory, low * dual);
  p->high = arena_take(&p->memory, high * dual);
  ring_r_power(g, p->low, 1, work.memory);
  for (size_t i = 1; i < low; i++) {
    k->dual_mul(&g->m, p->low + i * dual, p->low + (i - 1) * dual, g->r[3], work.memory);
  }
  ring_r_power(g, p->high, (2U << CORRECTION_BITS) + 1, work.memory);
  for (size_t i = 1; i < high; i++) {
    k->dual_sqr(&g->m, p->high + i * dual, p->high + (i - 1) * dual, work.memory);
  }
  arena_close(&work);
  return 1;
}

static void key_free(public_key *key) {
  product_ring_close(&key->wide);
  product_ring_close(&key->narrow);
  table_free(atomic_load(&key->table));
  table_free(key->narrower);
  pthread_mutex_destroy(&key->lock);
  free(key->n);
  free(key);
}

/* n^2 = 0 + n n */
static int square_modulus(public_key *key) {
  arena work;
  const ring *const g = &key->narrow.g;
  if (!arena_open(&work, ring_scratch_words(g) + 4 * g->number)) return 0;
  uint64_t *const square = arena_take(&work, 2 * g->number);
  uint64_t *const zero = arena_take(&work, g->number);
  memset(zero, 0, 8 * g->number);
  uint64_t *const scratch = arena_take(&work, ring_scratch_words(g));
  uint8_t *const rows[1] = {key->n2};
  g->k->mul_plain(g->m.limbs, square, g->m.n_lanes, g->m.n_lanes, zero, scratch);
  g->k->store(rows, key->bits / 4, 1, square, 2 * g->m.limbs, scratch);
  arena_close(&work);
  return 1;
}

static int is_same(const public_key *key, const public_key *other) {
  return key->bits == other->bits && key->kernels.wide == other->kernels.wide &&
         key->kernels.narrow == other->kernels.narrow &&
         memcmp(key->n, other->n, (size_t)key->bits / 8) == 0 &&
         memcmp(key->hs, other->hs, (size_t)key->bits / 4) == 0;
}

public_key *key_open(const uint8_t *n, const uint8_t *hs, int bits, kernel_pair kernels) {
  const size_t bytes = (size_t)bits / 8;
  public_key *const key = calloc(1, sizeof *key);
  uint8_t *const numbers = malloc(5 * bytes);
  if (key == NULL || numbers == NULL || pthread_mutex_init(&key->lock, NULL) != 0) {
    free(numbers);
    free(key);
    return NULL;
  }
  key->bits = bits;
  key->kernels = kernels;
  key->references = 1;
  key->n = numbers;
  key->hs = numbers + bytes;
  key->n2 = numbers + 3 * bytes;
  for (size_t i = 0; i < bytes; i++) key->n[i] = n[bytes - 1 - i];
  memcpy(key->hs, hs, 2 * bytes);
  pthread_mutex_lock(&keys_lock);
  public_key *known = keys;
  while (known != NULL && !is_same(known, key)) known = known->next;
  if (known != NULL) {
    known->references++;
  } else {
    key->next = keys;
    keys = key;
  }
  pthread_mutex_unlock(&keys_lock);
  if (known == NULL) return key;
  key_free(key);
  return known;
}

public_key *key_retain(public_key *key) {
  pthread_mutex_lock(&keys_lock);
  key->references++;
  pthread_mutex_unlock(&keys_lock);
  return key;
}

void key_release(public_key *key) {
  pthread_mutex_lock(&keys_lock);
  const int is_last = --key->references == 0;
  if (is_last) {
    public_key **link = &keys;
    while (*link != key) link = &(*link)->next;
    *link = key->next;
  }
  pthread_mutex_unlock(&keys_lock);
  if (is_last) key_free(key);
}

int key_prepare(public_key *key) {
  if (atomic_load(&key->is_prepared)) return DONE;
  pthread_mutex_lock(&key->lock);
  int is_done = atomic_load(&key->is_prepared);
  if (!is_done) {
    is_done = product_ring_open(&key->wide, key->kernels.wide, key->n, key->bits) &&
              product_ring_open(&key->narrow, key->kernels.narrow, key->n, key->bits) &&
              square_modulus(key);
    if (!is_done) {
      product_ring_close(&key->wide);
      product_ring_close(&key->narrow);
    }
    atomic_fetch_add(&keys_prepared, 1);
    atomic_store(&key->is_prepared, is_done);
  }
  pthread_mutex_unlock(&key->lock);
  return is_done ? DONE : NO_MEMORY;
}

const product_ring *key_ring(const public_key *key, size_t count) {
  return count >= WIDE_ITEMS_MIN ? &key->wide : &key->narrow;
}

/* hs^-1 mod n. */
static int invert_base(const public_key *key, uint8_t *inverse) {
  const ring *const g = &key->narrow.g;
  const int bytes = key->bits / 8;
  uint8_t residue[MODULUS_BITS_MAX / 8];
  const uint8_t *const hs[1] = {key->hs};
  uint8_t *const to[1] = {residue};
  arena work;
  if (!arena_open(&work, 2 * g->number + ring_scratch_words(g))) return NO_MEMORY;
  uint64_t *const x = arena_take(&work, 2 * g->number);
  uint64_t *const scratch = arena_take(&work, ring_scratch_words(g));
  g->k->load(x, 2 * g->m.limbs, hs, 2 * bytes, 1, scratch);
  g->k->dual_from(&g->m, x, x, scratch);
  g->k->dual_mul(&g->m, x, x, g->r[2], scratch);
  g->k->dual_reduce(&g->m, x, scratch);
  g->k->store(to, bytes, 0, x, g->m.limbs, scratch);
  arena_close(&work);
  return inverse_modulo(inverse, residue, key->n, bytes) ? DONE : BASE_NOT_A_UNIT;
}

/* One earlier table is kept for threads that still read it; there is no third width. */
static int replace_table(public_key *key, table *current, int window_bits) {
  uint8_t inverse[MODULUS_BITS_MAX / 8];
  if (key->narrower != NULL) return NO_MEMORY;
  const int outcome = invert_base(key, inverse);
  if (outcome != DONE) return outcome;
  table *const wider = table_build(&key->narrow.g, &key->wide.g, key->hs, inverse, key->bits / 2,
                                   window_bits);
  if (wider == NULL) return NO_MEMORY;
  key->narrower = current;
  atomic_store(&key->table, wider);
  return DONE;
}

int key_build_table(public_key *key, int window_bits) {
  pthread_mutex_lock(&key->lock);
  table *const current = atomic_load(&key->table);
  const int is_built = current != NULL && current->window_bits >= window_bits;
  const int outcome = is_built ? DONE : replace_table(key, current, window_bits);
  pthread_mutex_unlock(&key->lock);
  return outcome;
}
