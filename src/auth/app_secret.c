#include "auth/app_secret.h"

#include <openssl/evp.h>
#include <string.h>

#include "base/codec.h"

/* RFC 4648 section 6: no 0, 1, 8 or 9, which look like letters. */
static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
static const char prefix[] = "veredus application password\n";

enum { GROUP = 4, DIGEST_BYTES = 32 };

void app_secret_make(char out[static APP_SECRET_TEXT])
{
	uint8_t bytes[APP_SECRET_LETTERS];
	size_t len = 0;
	random_bytes(bytes, sizeof(bytes));
	for (size_t i = 0; i < APP_SECRET_LETTERS; i++) {
		if (i > 0 && i % GROUP == 0)
			out[len++] = '-';
		out[len++] = letters[bytes[i] % 32];
	}
	out[len] = '\0';
	explicit_bzero(bytes, sizeof(bytes));
}

/* The letters alone, in lower case. */
static bool normalise(struct slice text, char out[static APP_SECRET_LETTERS])
{
	size_t len = 0;
	for (size_t i = 0; i < text.len; i++) {
		char c = byte_lower(text.data[i]);
		if (c == '-' || c == ' ')
			continue;
		if (len == APP_SECRET_LETTERS || c == '\0' || !strchr(letters, c))
			return false;
		out[len++] = c;
	}
	return len == APP_SECRET_LETTERS;
}

bool app_secret_digest(struct slice text, char out[static APP_DIGEST_TEXT])
{
	static const char hex[] = "0123456789abcdef";
	char input[sizeof(prefix) - 1 + APP_SECRET_LETTERS];
	uint8_t digest[DIGEST_BYTES];
	memcpy(input, prefix, sizeof(prefix) - 1);
	bool good = normalise(text, input + sizeof(prefix) - 1) &&
	            EVP_Digest(input, sizeof(input), digest, NULL, EVP_sha256(), NULL) == 1;
	explicit_bzero(input, sizeof(input));
	if (!good)
		return false;
	for (size_t i = 0; i < DIGEST_BYTES; i++) {
		out[2 * i] = hex[digest[i] >> 4];
		out[2 * i + 1] = hex[digest[i] & 15];
	}
	out[2 * DIGEST_BYTES] = '\0';
	return true;
}
