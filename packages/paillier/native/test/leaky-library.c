/* Loses memory as it is loaded: what the leak check must find to be believed. */
#include <stdlib.h>

__attribute__((constructor)) static void lose(void) {
  void *volatile memory = malloc(77);
  memory = NULL;
  (void)memory;
}
