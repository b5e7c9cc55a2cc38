"""python phe on gmpy2, as a contender of benchmarks/paillier.ts.

First line in: {"2048": ["p", "q"], ...} in hex. Then lines "bits operation milliseconds", each
answered by operations per second. First line out: the versions.
"""
import json
import sys
import time

import gmpy2
import phe
from phe import paillier

FACTORS = 1000
QUARTERS = [(i * 7919) % 13000 for i in range(96)]
SLOT_BITS = 24


def pack(quarters):
    return sum(value << (SLOT_BITS * slot) for slot, value in enumerate(quarters))


def trials_for(bits, p, q):
    public = paillier.PaillierPublicKey(p * q)
    private = paillier.PaillierPrivateKey(public, p, q)
    message = public.n // 3
    a, b = public.raw_encrypt(message), public.raw_encrypt(message)
    number = paillier.EncryptedNumber(public, a)

    def product():
        total = a
        for _ in range(FACTORS - 1):
            total = number._raw_add(total, b)

    parts = 1 if bits >= 3072 else 2
    length = len(QUARTERS) // parts

    def readings():
        for part in range(parts):
            public.raw_encrypt(pack(QUARTERS[part * length : (part + 1) * length]))

    return {
        "generateKeys": (1, lambda: paillier.generate_paillier_keypair(n_length=bits)),
        "encrypt": (1, lambda: public.raw_encrypt(message)),
        "addPair": (1, lambda: number._raw_add(a, b)),
        "addInProduct": (FACTORS, product),
        "scale": (1, lambda: number._raw_mul(0xA5A5A5A5)),
        "decryptOne": (1, lambda: private.raw_decrypt(a)),
        "decryptBatch": (1, lambda: private.raw_decrypt(b)),
        "readings": (len(QUARTERS), readings),
    }


def rate(batch, run, milliseconds):
    start = time.perf_counter()
    operations = 0
    while True:
        run()
        operations += batch
        elapsed = time.perf_counter() - start
        if 1000 * elapsed >= milliseconds:
            return operations / elapsed


print(f"phe {phe.__version__}, gmpy2 {gmpy2.version()}", flush=True)
keys = json.loads(sys.stdin.readline())
trials = {bits: trials_for(int(bits), int(p, 16), int(q, 16)) for bits, (p, q) in keys.items()}
for line in sys.stdin:
    bits, operation, milliseconds = line.split()
    print(rate(*trials[bits][operation], float(milliseconds)), flush=True)
