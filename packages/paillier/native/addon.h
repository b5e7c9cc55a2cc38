/*
 * The Node-API boundary: addon.c reads arguments and lists what JavaScript sees, addon-key.c holds
 * keys for it, and addon-job.c computes with them.
 */
#ifndef PAILLIER_ADDON_H
#define PAILLIER_ADDON_H

#define NAPI_VERSION 8
#include <node_api.h>
#include <stdbool.h>

#include "secret.h"

/* Throws a TypeError of code ERR_INVALID_ARG_VALUE, and returns what a callback then returns. */
napi_value refuse(napi_env env, const char *message);

/*
 * The elements of a typed array of this type; JavaScript's own memory, to be copied before control
 * goes back. One that is detached is none.
 */
bool elements_of(napi_env env, napi_value value, napi_typedarray_type type, void **elements,
                 size_t *count);
bool bytes_of(napi_env env, napi_value value, uint8_t **bytes, size_t *length);

/* What the object that stands for a key in JavaScript holds: one of the two; none when closed. */
typedef struct {
  public_key *public;
  secret_key *secret;
} key_handle;

/* NULL for whatever else JavaScript may have handed in. */
key_handle *handle_of(napi_env env, napi_value value, bool is_secret);

/* What the module exports (src/engine/native/addon.ts has the contracts). */
napi_value open_public_key(napi_env env, napi_callback_info info);
napi_value open_secret_key(napi_env env, napi_callback_info info);
napi_value close_key(napi_env env, napi_callback_info info);
napi_value run(napi_env env, napi_callback_info info);

#endif
