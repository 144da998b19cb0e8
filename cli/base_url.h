/*
 * Where clients reach the server: "http://127.0.0.1:8080", "https://host/path"; what is served
 * beside /mcp is below it.
 */
#ifndef CLI_BASE_URL_H
#define CLI_BASE_URL_H

#include <stdbool.h>
#include <stdint.h>

#define BASE_URL_MAX 384

/* Of --public-url, which may end in /mcp. False: none, not one of HTTP, or too long. */
bool base_url_public(const char *url, char out[BASE_URL_MAX]);

/* Of what the server listens on; of any address, the loopback's. */
void base_url_local(const char *address, uint16_t port, bool tls, char out[BASE_URL_MAX]);

#endif
