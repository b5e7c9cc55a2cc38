/* Inverses of public numbers. Not constant time. */
#ifndef PAILLIER_INVERSE_H
#define PAILLIER_INVERSE_H

#include <stdint.h>

/* r = a^-1 mod n, little-endian, `bytes` (a multiple of 8) each; n odd, a < n. Zero if there is none. */
int inverse_modulo(uint8_t *r, const uint8_t *a, const uint8_t *n, int bytes);

#endif
