/*
 * The module. Every length and kind is checked at this boundary, and everything is copied: the
 * memory of JavaScript is never touched off its thread. Values are not checked here: any bytes of
 * the right length give some bytes, and no other memory is read or written.
 */
#include "addon.h"

napi_value refuse(napi_env env, const char *message) {
  napi_throw_type_error(env, "ERR_INVALID_ARG_VALUE", message);
  return NULL;
}

bool elements_of(napi_env env, napi_value value, napi_typedarray_type type, void **elements,
                 size_t *count) {
  napi_typedarray_type actual;
  napi_value buffer;
  bool is_array = false, is_detached = true;
  return napi_is_typedarray(env, value, &is_array) == napi_ok && is_array &&
         napi_get_typedarray_info(env, value, &actual, count, elements, &buffer, NULL) == napi_ok &&
         actual == type &&
         napi_is_detached_arraybuffer(env, buffer, &is_detached) == napi_ok && !is_detached &&
         (*count == 0 || *elements != NULL);
}

bool bytes_of(napi_env env, napi_value value, uint8_t **bytes, size_t *length) {
  void *elements = NULL;
  if (!elements_of(env, value, napi_uint8_array, &elements, length)) return false;
  *bytes = elements;
  return true;
}

/* The kernels that this machine can run, fastest first. */
static napi_value kernels(napi_env env, napi_callback_info info) {
  (void)info;
  const char *const names[] = {ifma_is_here() ? "ifma" : NULL, mulx_is_here() ? "mulx" : NULL,
                               "generic"};
  napi_value list, name;
  uint32_t count = 0;
  if (napi_create_array(env, &list) != napi_ok) return NULL;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (names[i] == NULL) continue;
    napi_create_string_utf8(env, names[i], NAPI_AUTO_LENGTH, &name);
    napi_set_element(env, list, count++, name);
  }
  return list;
}

/* How often a key was prepared in this process. */
static napi_value preparations(napi_env env, napi_callback_info info) {
  (void)info;
  napi_value count;
  return napi_create_uint32(env, atomic_load(&keys_prepared), &count) == napi_ok ? count : NULL;
}

NAPI_MODULE_INIT() {
  const napi_property_descriptor properties[] = {
      {"run", NULL, run, NULL, NULL, NULL, napi_enumerable, NULL},
      {"openPublicKey", NULL, open_public_key, NULL, NULL, NULL, napi_enumerable, NULL},
      {"openSecretKey", NULL, open_secret_key, NULL, NULL, NULL, napi_enumerable, NULL},
      {"close", NULL, close_key, NULL, NULL, NULL, napi_enumerable, NULL},
      {"kernels", NULL, kernels, NULL, NULL, NULL, napi_enumerable, NULL},
      {"preparations", NULL, preparations, NULL, NULL, NULL, napi_enumerable, NULL},
  };
  napi_define_properties(env, exports, sizeof properties / sizeof *properties, properties);
  return exports;
}
