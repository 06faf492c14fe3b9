/* The server's side of SCRAM (RFC 5802 section 3). GNU SASL 2.2 has it too, but binds to nothing
 * but tls-exporter and tls-unique, and can't be told another. */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "auth/password.h"
#include "auth/sasl.h"
#include "auth/scram.h"
#include "auth/scram_message.h"
#include "base/codec.h"

enum { NONCE_BYTES = 18 };

struct scram_state {
	struct scram_first first;
	struct scram_finding found;
	struct slice nonce;    /* the client's and ours */
	struct slice question; /* our first message */
	uint8_t binding[CONN_BINDING_MAX_BYTES];
	size_t binding_len;
};

static const struct {
	const char *name;
	enum conn_binding kind;
} bindings[] = { { "tls-exporter", CONN_BINDING_EXPORTER },
	         { "tls-server-end-point", CONN_BINDING_END_POINT } };

static const EVP_MD *hash_of(const struct auth_exchange *e)
{
	bool sha1 = slice_equal(slice_from_str(e->mechanism->scram),
	                        SLICE(PASSWORD_KIND_SCRAM_SHA1));
	return sha1 ? EVP_sha1() : EVP_sha256();
}

/* --- what it is bound to ------------------------------------------------------------------ */

static bool has_binding(const struct auth_exchange *e, size_t which, struct scram_state *s)
{
	return conn_tls_binding(e->client.conn, bindings[which].kind, s->binding,
	                        &s->binding_len) == 0;
}

/* Who says that it could bind, but was not offered it where we did offer it, has somebody in the
 * middle who took the offer away. */
static bool read_binding(struct auth_exchange *e, struct scram_state *s)
{
	bool binds = e->mechanism->needs & SASL_OFFER_BINDING;
	if (!binds)
		return s->first.flag == 'n' ||
		       (s->first.flag == 'y' && !auth_may_bind(e->auth, e->client.conn));
	for (size_t i = 0; s->first.flag == 'p' && i < sizeof(bindings) / sizeof(bindings[0]);
	     i++) {
		if (slice_equal(s->first.binding, slice_from_str(bindings[i].name)))
			return has_binding(e, i, s);
	}
	return false;
}

static bool is_bound(const struct scram_state *s, struct slice bound)
{
	size_t header = s->first.header.len;
	return bound.len == header + s->binding_len &&
	       slice_equal(slice_sub(bound, 0, header), s->first.header) &&
	       CRYPTO_memcmp(bound.data + header, s->binding, s->binding_len) == 0;
}

/* --- the first message -------------------------------------------------------------------- */

static enum auth_result ask(struct auth_exchange *e, struct scram_state *s,
                            struct slice *challenge_out)
{
	uint8_t bytes[NONCE_BYTES];
	random_bytes(bytes, sizeof(bytes));
	struct slice ours = base64_encode_arena(e->arena, slice_of(bytes, sizeof(bytes)));
	s->nonce = arena_concat(e->arena, (struct slice[]){ s->first.nonce, ours }, 2);
	s->question = slice_from_str(arena_printf(e->arena, "r=%.*s,s=%s,i=%s", SLICE_ARG(s->nonce),
	                                          s->found.secret.salt,
	                                          s->found.secret.iterations));
	*challenge_out = s->question;
	return AUTH_CONTINUE;
}

static enum auth_result begin(struct auth_exchange *e, struct slice said,
                              struct slice *challenge_out)
{
	struct scram_state *s = ARENA_NEW(e->arena, struct scram_state);
	/* It outlives the answer, which lies in the reader's buffer. */
	if (!scram_parse_first(e->arena, arena_copy(e->arena, said), &s->first))
		return AUTH_BAD_SYNTAX;
	e->state = s;
	e->claim.name = s->first.name;
	e->claim.authorize_as = s->first.authorize_as;
	if (!read_binding(e, s))
		return AUTH_REFUSED;
	if (auth_find_scram(e->auth, e->arena, e->mechanism->scram, s->first.name, &s->found) < 0)
		return AUTH_UNAVAILABLE;
	return ask(e, s, challenge_out);
}

/* --- the proof ---------------------------------------------------------------------------- */

static bool sign(const EVP_MD *hash, struct slice key, struct slice text,
                 uint8_t out[static EVP_MAX_MD_SIZE])
{
	return HMAC(hash, key.data, (int)key.len, (const uint8_t *)text.data, text.len, out,
	            NULL) != NULL;
}

/* ClientKey := ClientProof XOR HMAC(StoredKey, AuthMessage), whose hash is the StoredKey. */
static bool is_proof(const EVP_MD *hash, struct slice stored, struct slice proof,
                     struct slice everything)
{
	uint8_t key[EVP_MAX_MD_SIZE], digest[EVP_MAX_MD_SIZE];
	if (!sign(hash, stored, everything, key))
		return false;
	for (size_t i = 0; i < proof.len; i++)
		key[i] ^= (uint8_t)proof.data[i];
	return EVP_Digest(key, proof.len, digest, NULL, hash, NULL) == 1 &&
	       CRYPTO_memcmp(digest, stored.data, stored.len) == 0;
}

static enum auth_result check(struct auth_exchange *e, struct scram_state *s,
                              const struct scram_final *f, struct slice *challenge_out)
{
	const EVP_MD *hash = hash_of(e);
	size_t len = (size_t)EVP_MD_get_size(hash);
	uint8_t signature[EVP_MAX_MD_SIZE];
	struct slice stored, server;
	struct slice everything = arena_concat(
		e->arena,
		(struct slice[]){ s->first.bare, SLICE(","), s->question, SLICE(","), f->unproved },
		5);
	if (!base64_decode(e->arena, slice_from_str(s->found.secret.stored_key), &stored) ||
	    !base64_decode(e->arena, slice_from_str(s->found.secret.server_key), &server) ||
	    stored.len != len || server.len != len)
		return AUTH_UNAVAILABLE;
	bool good = is_proof(hash, stored, f->proof, everything) &&
	            sign(hash, server, everything, signature);
	if (!good || !s->found.may_login)
		return AUTH_REFUSED;
	e->identity = s->found.identity;
	struct slice text = base64_encode_arena(e->arena, slice_of(signature, len));
	*challenge_out = slice_from_str(arena_printf(e->arena, "v=%.*s", SLICE_ARG(text)));
	return AUTH_OK;
}

enum auth_result scram_speak(struct auth_exchange *e, struct slice said,
                             struct slice *challenge_out)
{
	struct scram_state *s = e->state;
	struct scram_final f;
	*challenge_out = SLICE_EMPTY;
	if (!s)
		return begin(e, said, challenge_out);
	if (!scram_parse_final(e->arena, said, &f) ||
	    f.proof.len != (size_t)EVP_MD_get_size(hash_of(e)))
		return AUTH_BAD_SYNTAX;
	if (!slice_equal(f.nonce, s->nonce) || !is_bound(s, f.bound))
		return AUTH_REFUSED;
	return check(e, s, &f, challenge_out);
}
