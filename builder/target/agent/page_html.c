/* The document around the parts: head, style, script, policy. */
#include "target/agent/html.h"
#include "target/agent/page.h"
#include "target/agent/status.h"
#include <openssl/evp.h>
#include <string.h>

static const char style[] =
	":root{color-scheme:light dark;--back:#fff;--text:#1b1f24;--soft:#57606a;--line:#d0d7de;--card:#f6f8fa;"
	"--link:#0550ae;--good:#116329;--wait:#7d4e00;--bad:#a40e26}"
	"@media(prefers-color-scheme:dark){:root{--back:#0d1117;--text:#e6edf3;--soft:#9da7b3;--line:#30363d;"
	"--card:#161b22;--link:#79c0ff;--good:#56d364;--wait:#e3b341;--bad:#ff7b72}}"
	"*{box-sizing:border-box}"
	"body{margin:0 auto;padding:1rem;max-width:64rem;background:var(--back);color:var(--text);"
	"font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}"
	"h1{font-size:1.5rem;margin:0}h2{font-size:1.2rem;margin:1.5rem 0 .5rem}h3{font-size:1rem;margin:1rem 0 .25rem}"
	"p{margin:.25rem 0}a{color:var(--link)}"
	"a{display:inline-block;min-height:1.75rem}summary{cursor:pointer;padding:.15rem 0}"
	":focus-visible{outline:3px solid var(--link);outline-offset:2px}"
	"ul{list-style:none;margin:0;padding:0}"
	"li{border:1px solid var(--line);border-radius:.5rem;background:var(--card);padding:.5rem .75rem;margin:.25rem "
	"0}"
	".soft{color:var(--soft)}.healthy,.done,.ready{color:var(--good)}"
	".starting,.running,.waiting,.unknown{color:var(--wait)}.unhealthy,.failed,.degraded,.disk-full,.bad{color:var("
	"--bad)}"
	"b{font-weight:600}progress{width:100%;height:1rem;accent-color:var(--link)}"
	"pre{margin:.25rem 0;padding:.5rem;border:1px solid var(--line);white-space:pre-wrap;font-size:.85rem}"
	"dl{display:grid;grid-template-columns:minmax(7rem,auto) 1fr;gap:.25rem 1rem;margin:0}dt{color:var(--soft)}"
	"dd{margin:0}@media(min-width:40rem){.wide{display:grid;grid-template-columns:1fr 1fr;gap:0 .5rem}}";

/*
 * Every five seconds the page is asked for again, and what differs is put in place, to the single text: what a reader
 * has open or closed stays so, what has the focus keeps it, and a part of `main` waits while a selection begins or ends
 * in it. The state does not wait. When no answer comes it says that, and when the way leads to the sign-on instead, the
 * browser goes there.
 */
static const char script[] =
	"(()=>{const get=(d,s)=>d.querySelector(s),label=e=>e.getAttribute('aria-labelledby');"
	"let last=new Date();"
	"const held=e=>{const s=getSelection();"
	"return s.type==='Range'&&(e.contains(s.anchorNode)||e.contains(s.focusNode))};"
	/* Makes a what b is. */
	"const put=(a,b)=>{if(a.isEqualNode(b))return;const x=[...a.childNodes],y=[...b.childNodes];"
	"if(a.nodeType===3&&b.nodeType===3)a.data=b.data;"
	"else if(!a.cloneNode().isEqualNode(b.cloneNode()))a.replaceWith(b);"
	"else if(x.length===y.length)x.forEach((n,i)=>put(n,y[i]));"
	"else a.replaceChildren(...y)};"
	/* Parts are known by their labels, and always in the same order. */
	"const parts=(a,b)=>{const old=[...a.children],now=[...b.children];let at=a.firstChild;"
	"for(const n of now){const o=old.find(e=>label(e)===label(n));"
	"if(!o){a.insertBefore(n,at);continue}"
	"at=o.nextSibling;if(!held(o))put(o,n)}"
	"for(const o of old)if(!held(o)&&!now.some(n=>label(n)===label(o)))o.remove()};"
	"const show=d=>{const at=document.activeElement?.id;"
	"document.querySelectorAll('details[id]').forEach(e=>{const n=d.getElementById(e.id);if(n)n.open=e.open});"
	"put(get(document,'#state'),get(d,'#state'));parts(get(document,'main'),get(d,'main'));"
	"put(get(document,'footer'),get(d,'footer'));document.title=d.title;"
	"const e=at&&document.getElementById(at);if(e&&e!==document.activeElement)e.focus({preventScroll:true})};"
	"const silent=()=>{const s=get(document,'#state'),p=document.createElement('p'),b=document.createElement('b');"
	"b.textContent=`No answer from the appliance since ${last.toTimeString().slice(0,8)}.`;"
	"p.className='bad';p.append(b,' What is below is from then.');"
	"if(s.innerHTML!==p.outerHTML)s.replaceChildren(p);"
	"document.title=`${get(document,'h1').textContent}: no answer`};"
	"async function again(){try{"
	"const r=await "
	"fetch(location.pathname,{cache:'no-store',redirect:'manual',signal:AbortSignal.timeout?.(10000)});"
	"if(r.type==='opaqueredirect'){location.reload();return}"
	"const d=new DOMParser().parseFromString(await r.text(),'text/html');"
	"if(r.ok&&get(d,'#state')){last=new Date();show(d)}else silent()"
	"}catch{silent()}setTimeout(again,5000)}setTimeout(again,5000)})()";

/* " 'sha256-...'" of a text. */
static void source(struct strbuf *b, const char *text)
{
	unsigned char digest[EVP_MAX_MD_SIZE], base64[EVP_MAX_MD_SIZE * 2];
	unsigned len = 0;
	EVP_Digest(text, strlen(text), digest, &len, EVP_sha256(), NULL);
	EVP_EncodeBlock(base64, digest, (int)len);
	strbuf_addf(b, " 'sha256-%s'", (const char *)base64);
}

char *page_policy(void)
{
	struct strbuf b = STRBUF_INIT;
	strbuf_adds(&b, "default-src 'none'; style-src");
	source(&b, style);
	strbuf_adds(&b, "; script-src");
	source(&b, script);
	strbuf_adds(
		&b, "; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
	return strbuf_steal(&b);
}

static void head(const struct page_view *v, struct strbuf *out)
{
	const char *name = *json_text(v->status, "name") ? json_text(v->status, "name") : "appliance";
	html_addf(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>%s: %s</title>\n", name,
		v->status ? json_text(v->status, "state") : "starting");
	strbuf_adds(out, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
			 "<link rel=\"icon\" href=\"data:,\">"
			 "<noscript><meta http-equiv=\"refresh\" content=\"10\"></noscript>\n<style>");
	strbuf_adds(out, style);
	html_addf(out, "</style></head>\n<body><header><h1>%s</h1>", name);
}

/* Whether the machine still says how it is. */
static void freshness(const struct page_view *v, struct strbuf *out)
{
	if (v->status && v->age_ms > PAGE_STALE_MS)
		html_addf(out,
			"<p class=\"bad\"><b>This is how it was %zu seconds ago.</b> The machine says nothing since: "
			"it is down, or its kiln-publish.service is.</p>",
			(size_t)(v->age_ms / 1000));
}

static void state(const struct page_view *v, struct strbuf *out)
{
	strbuf_adds(out, "<div id=\"state\" role=\"status\">");
	if (v->status) {
		_cleanup_free_ char *line = status_line(v->status);
		html_addf(out, "<p class=\"%s\"><b>%s</b></p>", json_text(v->status, "state"), line);
	} else {
		strbuf_adds(out, "<p class=\"starting\"><b>The machine has not yet said how it is.</b></p>");
	}
	freshness(v, out);
	strbuf_adds(out, "</div></header>\n<main>");
}

static void foot(const struct page_view *v, struct strbuf *out)
{
	strbuf_adds(out, "</main>\n<footer><p class=\"soft\">");
	if (v->user)
		html_addf(out, "Signed on as %s. ", v->user);
	strbuf_adds(out, "The same for programs: <a id=\"json\" href=\"/status.json\">status.json</a>; on the machine: "
			 "<code>kiln-agent status</code>.</p></footer>\n<script>");
	strbuf_adds(out, script);
	strbuf_adds(out, "</script></body></html>\n");
}

void page_html(const struct page_view *v, struct strbuf *out)
{
	head(v, out);
	state(v, out);
	if (v->status) {
		page_services(v, out);
		page_machine(v, out);
	}
	foot(v, out);
}
