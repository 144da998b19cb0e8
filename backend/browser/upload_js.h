/*
 * What runs in our isolated world for files that are given to a page.
 */
#ifndef BACKEND_BROWSER_UPLOAD_JS_H
#define BACKEND_BROWSER_UPLOAD_JS_H

#include "backend/browser/element_js.h"

/* On an element: {file, multiple, directory, disabled, label}. */
static const char js_upload_kind[] =
    "function(){" JS_DESCRIBE "const e=this.nodeType===1?this:this.parentElement;"
    "const file=!!e&&e.localName==='input'&&e.type==='file';"
    "return{file,multiple:file&&e.multiple,directory:file&&!!e.webkitdirectory,"
    "disabled:file&&e.matches(':disabled'),label:describe(e)}}";

/* (names): what is gathered for the next js_upload_set, js_upload_drop. */
static const char js_upload_begin[] =
    "function(names){globalThis.gathered=names.map(name=>({name,parts:[]}));return true}";

/* (file, base64) */
static const char js_upload_piece[] =
    "function(file,text){const s=atob(text),a=new Uint8Array(s.length);"
    "for(let i=0;i<s.length;i++)a[i]=s.charCodeAt(i);"
    "globalThis.gathered[file].parts.push(a);return true}";

#define JS_GATHERED                                                                     \
    "const kinds={txt:'text/plain',csv:'text/csv',html:'text/html',json:'application/"  \
    "json',pdf:'application/pdf',png:'image/png',jpg:'image/jpeg',jpeg:'image/jpeg',"   \
    "gif:'image/gif',webp:'image/webp',svg:'image/svg+xml',zip:'application/zip',"      \
    "xml:'text/xml',mp4:'video/mp4',mp3:'audio/mpeg'};"                                 \
    "const carry=new DataTransfer();for(const g of globalThis.gathered||[])"            \
    "carry.items.add(new File(g.parts,g.name,{type:kinds[(/\\.(\\w+)$/.exec(g.name)||[" \
    "])[1]?.toLowerCase()]||''}));delete globalThis.gathered;"

static const char js_upload_set[] =
    "function(){" JS_GATHERED "this.files=carry.files;"
    "this.dispatchEvent(new Event('input',{bubbles:true,composed:true}));"
    "this.dispatchEvent(new Event('change',{bubbles:true}));return true}";

/* On an element, (x, y) in its frame's viewport. */
static const char js_upload_drop[] =
    "function(x,y){" JS_GATHERED "const e=this.nodeType===1?this:this.parentElement;"
    "const fire=t=>e.dispatchEvent(new DragEvent(t,{bubbles:true,cancelable:true,"
    "composed:true,dataTransfer:carry,clientX:x,clientY:y}));"
    "fire('dragenter');const taken=!fire('dragover');"
    "if(taken)fire('drop');else fire('dragleave');return taken}";

/* "name, 12 bytes" of each. */
static const char js_upload_files[] =
    "function(){return[...this.files||[]].slice(0,64).map(f=>String(f.name).slice(0,200)+', '+"
    "f.size+' bytes')}";

static const char js_upload_empty[] =
    "function(){if(!this.files.length)return false;this.value='';"
    "this.dispatchEvent(new Event('input',{bubbles:true,composed:true}));"
    "this.dispatchEvent(new Event('change',{bubbles:true}));return true}";

static const char js_upload_cancel[] =
    "function(){this.dispatchEvent(new Event('cancel',{bubbles:true}));return true}";

#endif
