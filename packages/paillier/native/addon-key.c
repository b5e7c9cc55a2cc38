/*
 * Keys as JavaScript holds them: objects that no other object passes for. A key is counted, so that
 * a call may outlive the handle it was given. Opening one copies bytes: what takes time is done by
 * its first job.
 */
#include <stdlib.h>
#include <string.h>

#include "addon.h"

enum { MODULUS_BITS_MIN = 2048 };

static const napi_type_tag public_tag = {0x7a3d5b1c9e2f4086ULL, 0xb8c1d2e3f4a59607ULL};
static const napi_type_tag secret_tag = {0x1f6e8d9c0b7a2354ULL, 0x95e4d3c2b1a08f76ULL};

key_handle *handle_of(napi_env env, napi_value value, bool is_secret) {
  const napi_type_tag *const tag = is_secret ? &secret_tag : &public_tag;
  napi_valuetype type;
  bool has_tag = false;
  void *data = NULL;
  if (napi_typeof(env, value, &type) != napi_ok || type != napi_object) return NULL;
  if (napi_check_object_type_tag(env, value, tag, &has_tag) != napi_ok || !has_tag) return NULL;
  return napi_unwrap(env, value, &data) == napi_ok ? data : NULL;
}

static void let_go(key_handle *h) {
  if (h->public != NULL) key_release(h->public);
  if (h->secret != NULL) secret_release(h->secret);
  h->public = NULL;
  h->secret = NULL;
}

static void finalize(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  let_go(data);
  free(data);
}

static kernel_pair kernels_named(const char *name) {
  const kernel *const narrow = mulx_is_here() ? &mulx_kernel : &generic_kernel;
  if (strcmp(name, "ifma") == 0 && ifma_is_here()) return (kernel_pair){&ifma_kernel, narrow};
  if (strcmp(name, "mulx") == 0 && mulx_is_here()) return (kernel_pair){narrow, narrow};
  if (strcmp(name, "generic") == 0) return (kernel_pair){&generic_kernel, &generic_kernel};
  return (kernel_pair){NULL, NULL};
}

/* openPublicKey(n, hs, kernel) and openSecretKey(p, q, kernel): a handle. */
static napi_value open_key(napi_env env, napi_callback_info info, bool is_secret) {
  napi_value arguments[3], object;
  size_t given = 3, first_bytes = 0, second_bytes = 0, length;
  uint8_t *first = NULL, *second = NULL;
  char name[16];
  if (napi_get_cb_info(env, info, &given, arguments, NULL, NULL) != napi_ok || given < 3 ||
      !bytes_of(env, arguments[0], &first, &first_bytes) ||
      !bytes_of(env, arguments[1], &second, &second_bytes) ||
      napi_get_value_string_utf8(env, arguments[2], name, sizeof name, &length) != napi_ok ||
      strlen(name) != length) {
    return refuse(env, "a key is opened with two Uint8Arrays and the name of a kernel");
  }
  const size_t bits = (is_secret ? 16 : 8) * first_bytes;
  if (bits < MODULUS_BITS_MIN || bits > MODULUS_BITS_MAX || bits % 128 != 0 ||
      second_bytes != (is_secret ? first_bytes : 2 * first_bytes)) {
    return refuse(env, "a key has 2048 to 8192 bits, a multiple of 128");
  }
  if (!(first[0] & 0x80) || !(first[first_bytes - 1] & 1) ||
      (is_secret && (!(second[0] & 0x80) || (first[first_bytes - 1] & 3) != 3 ||
                     (second[second_bytes - 1] & 3) != 3))) {
    return refuse(env, "a modulus is odd and of full length; primes are 3 mod 4");
  }
  const kernel_pair kernels = kernels_named(name);
  if (kernels.wide == NULL) return refuse(env, "this machine has no kernel of that name");
  key_handle *const h = calloc(1, sizeof *h);
  if (h == NULL) return refuse(env, "out of memory");
  if (is_secret) h->secret = secret_open(first, second, (int)bits, kernels);
  else h->public = key_open(first, second, (int)bits, kernels);
  if ((h->secret == NULL && h->public == NULL) || napi_create_object(env, &object) != napi_ok ||
      napi_wrap(env, object, h, finalize, NULL, NULL) != napi_ok) {
    finalize(env, h, NULL);
    return refuse(env, "out of memory");
  }
  napi_type_tag_object(env, object, is_secret ? &secret_tag : &public_tag);
  return object;
}

napi_value open_public_key(napi_env env, napi_callback_info info) {
  return open_key(env, info, false);
}

napi_value open_secret_key(napi_env env, napi_callback_info info) {
  return open_key(env, info, true);
}

/* close(handle): lets go of the key now; a secret one is wiped when its last call has ended. */
napi_value close_key(napi_env env, napi_callback_info info) {
  napi_value argument;
  size_t given = 1;
  if (napi_get_cb_info(env, info, &given, &argument, NULL, NULL) != napi_ok || given < 1) {
    return refuse(env, "close takes a key");
  }
  key_handle *h = handle_of(env, argument, true);
  if (h == NULL) h = handle_of(env, argument, false);
  if (h == NULL) return refuse(env, "close takes a key");
  let_go(h);
  return NULL;
}
