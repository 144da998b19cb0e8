/*
 * How the result of a script is read: it runs in the page's own world, which may lie to it.
 */
#ifndef BACKEND_BROWSER_EVALUATE_JS_H
#define BACKEND_BROWSER_EVALUATE_JS_H

/* The value as JSON of about `max` characters: "type\ncut\njson". */
static const char serialise[] =
    "function(max){let left=max,cut=0;const seen=new Set();"
    "const text=s=>{s=String(s);if(s.toWellFormed)s=s.toWellFormed();"
    "if(s.length>left){s=s.slice(0,Math.max(0,left));cut=1}left-=s.length+2;"
    "return JSON.stringify(s)};"
    "const node=v=>{let s='<'+String(v.nodeName).toLowerCase();if(v.id)s+='#'+v.id;return s+'>'};"
    "const many=(v,d,open,close,each)=>{if(seen.has(v))return text('[Circular]');"
    "if(d>20){cut=1;return text('[Deep]')}seen.add(v);let out=open,n=0;"
    "for(const e of v){if(left<=0){cut=1;break}const s=each(e);if(s===null)continue;"
    "out+=(n++?',':'')+s;left--}seen.delete(v);return out+close};"
    "const any=(v,d)=>{switch(typeof v){case'string':return text(v);"
    "case'number':left-=8;return isFinite(v)?JSON.stringify(v):text(v);"
    "case'boolean':left-=5;return String(v);case'undefined':left-=4;return'null';"
    "case'bigint':return text(v+'n');case'symbol':return text(v);"
    "case'function':return text('[Function '+(v.name||'anonymous')+']')}"
    "if(v===null){left-=4;return'null'}"
    "if(typeof Node==='function'&&v instanceof Node)return text(node(v));"
    "if(typeof Window==='function'&&v instanceof Window)return text('[Window]');"
    "if(v instanceof Date)return text(isNaN(v)?'Invalid Date':v.toISOString());"
    "if(v instanceof RegExp)return text(v);"
    "if(v instanceof Error)return text(v.stack||v);"
    "if(Array.isArray(v)||v instanceof Set||ArrayBuffer.isView(v)&&v[Symbol.iterator]||"
    "typeof NodeList==='function'&&(v instanceof NodeList||v instanceof HTMLCollection))"
    "return many(v,d,'[',']',e=>any(e,d+1));"
    "if(v instanceof Map)return many(v,d,'[',']',e=>any(e,d+1));"
    "if(typeof v.toJSON==='function'&&d<20){const j=v.toJSON();if(j!==v)return any(j,d+1)}"
    "if(seen.has(v))return text('[Circular]');if(d>20){cut=1;return text('[Deep]')}"
    "seen.add(v);let out='{',n=0;for(const k in v){if(left<=0){cut=1;break}let e;"
    "try{e=v[k]}catch(x){e='[Throws '+x+']'}if(e===undefined)continue;"
    "out+=(n++?',':'')+text(k)+':'+any(e,d+1)}seen.delete(v);return out+'}'};"
    "const json=any(this,0);"
    "return cut+'\\n'+json}";

#endif
