/*
 * What one call works with: a ring, memory, and the rows that its lanes read and write. Items lie one
 * after the other; lanes beyond the last item read it again and write nowhere.
 */
#ifndef PAILLIER_BATCH_H
#define PAILLIER_BATCH_H

#include "ring.h"

typedef struct {
  const ring *g;
  const kernel *k;
  size_t width; /* bytes of a ciphertext */
  arena work;
  uint64_t *scratch;
  uint8_t *nowhere;
} batch;

/* `words` is what the call will take besides. Zero when there is no memory. */
int batch_open(batch *b, const ring *g, size_t words);
void batch_close(batch *b);

uint64_t *take_number(batch *b);
uint64_t *take_dual(batch *b);

/* Rows of the items first, first + 1, ..., of `width` bytes each, or of ciphertexts. */
void rows_in(const uint8_t *rows[], const batch *b, const uint8_t *items, size_t width,
             size_t first, size_t count);
void rows_out(uint8_t *rows[], const batch *b, uint8_t *items, size_t first, size_t count);

/* Ciphertexts to c / R, and to Montgomery form; and out of that form to rows, overwriting x. */
void load_dual(batch *b, uint64_t *x, const uint8_t *const rows[]);
void load_montgomery(batch *b, uint64_t *x, const uint8_t *const rows[]);
void store_montgomery(batch *b, uint8_t *const rows[], uint64_t *x);

/* One lane of a dual number. */
void copy_lane(const batch *b, uint64_t *to, const uint64_t *from, int to_lane, int from_lane);

#endif
