/* The kernel for any machine whose compiler has 128-bit integers; aarch64 among them. */
#include <stdint.h>

static uint64_t row(uint64_t *acc, const uint64_t *a, int count, uint64_t b) {
  uint64_t carry = 0;
  for (int i = 0; i < count; i++) {
    __extension__ const unsigned __int128 sum = (unsigned __int128)a[i] * b + acc[i] + carry;
    acc[i] = (uint64_t)sum;
    carry = (uint64_t)(sum >> 64);
  }
  return carry;
}

#define KERNEL generic_kernel
#define KERNEL_NAME "generic"
#include "scalar.inc"
