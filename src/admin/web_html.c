#include "admin/web_html.h"

int html_put(struct buf *out, struct slice text)
{
	static const struct {
		char byte;
		struct slice name;
	} names[] = {
		{ '&', { "&amp;", 5 } },  { '<', { "&lt;", 4 } },   { '>', { "&gt;", 4 } },
		{ '"', { "&quot;", 6 } }, { '\'', { "&#39;", 5 } },
	};
	int rc = 0;
	for (size_t i = 0; i < text.len && rc == 0; i++) {
		struct slice one = slice_sub(text, i, 1);
		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
			if (names[k].byte == text.data[i])
				one = names[k].name;
		}
		rc = buf_append(out, one);
	}
	return rc;
}

int html_put_row(struct buf *out, const char *name, struct slice text)
{
	buf_printf(out, "<tr><th align=\"left\">%s</th><td>", name);
	html_put(out, text);
	return buf_append(out, SLICE("</td></tr>\r\n"));
}

int html_begin(struct buf *out, const char *title)
{
	return buf_printf(out,
	                  "<!DOCTYPE html>\r\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
	                  "<meta name=\"viewport\" content=\"width=device-width\">"
	                  "<meta name=\"robots\" content=\"noindex\">"
	                  "<title>%s</title></head>\r\n<body><h1>%s</h1>\r\n",
	                  title, title);
}

int html_end(struct buf *out) { return buf_append(out, SLICE("</body></html>\r\n")); }
