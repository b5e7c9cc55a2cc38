/*
 * The kernel for x86-64 with BMI2 and ADX: mulx leaves the flags alone, so that two carry chains run
 * side by side, adcx for the low halves and adox for the high ones (Ozturk, Guilford, Gopal, "Large
 * integer squaring on Intel architecture processors", 2013).
 */
#if defined(__x86_64__)

#include <cpuid.h>
#include <stdint.h>

/* Eight limbs a turn; the counter goes by lea and jrcxz, which leave the flags alone. */
static uint64_t row(uint64_t *acc, const uint64_t *a, int count, uint64_t b) {
  uint64_t carry = 0;
  uint64_t turns = (uint64_t)count / 8;
  if (turns > 0) {
    uint64_t low, high;
    __asm__ volatile(
        "xorl %k[low], %k[low]\n" /* clears both flags */
        "1:\n"
#define LIMB(at, in, out)                         \
  "mulxq " at "(%[a]), %[low], %[" out "]\n"      \
  "adcxq %[" in "], %[low]\n"                     \
  "adoxq " at "(%[acc]), %[low]\n"                \
  "movq %[low], " at "(%[acc])\n"
        LIMB("0", "carry", "high")
        LIMB("8", "high", "carry")
        LIMB("16", "carry", "high")
        LIMB("24", "high", "carry")
        LIMB("32", "carry", "high")
        LIMB("40", "high", "carry")
        LIMB("48", "carry", "high")
        LIMB("56", "high", "carry")
#undef LIMB
        "leaq 64(%[a]), %[a]\n"
        "leaq 64(%[acc]), %[acc]\n"
        "leaq -1(%[turns]), %[turns]\n"
        "jrcxz 2f\n"
        "jmp 1b\n"
        "2:\n"
        "movl $0, %k[low]\n" /* mov leaves the flags alone */
        "adcxq %[low], %[carry]\n"
        "adoxq %[low], %[carry]\n"
        : [a] "+r"(a), [acc] "+r"(acc), [turns] "+c"(turns), [carry] "+r"(carry),
          [low] "=&r"(low), [high] "=&r"(high)
        : "d"(b)
        : "cc", "memory");
  }
  for (int i = 0; i < count % 8; i++) {
    __extension__ const unsigned __int128 sum = (unsigned __int128)a[i] * b + acc[i] + carry;
    acc[i] = (uint64_t)sum;
    carry = (uint64_t)(sum >> 64);
  }
  return carry;
}

#define KERNEL mulx_kernel
#define KERNEL_NAME "mulx"
#include "scalar.inc"

int mulx_is_here(void) {
  unsigned int a, b, c, d;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_BMI2) && (b & bit_ADX);
}

#else

#include "kernel.h"
int mulx_is_here(void) { return 0; }

#endif
