/*
 * What runs in our isolated world of a frame. Pages cannot change what it calls.
 */
#ifndef BACKEND_BROWSER_ELEMENT_JS_H
#define BACKEND_BROWSER_ELEMENT_JS_H

/* describe(element): "<button#save.main> "Save"", at most some 120 characters. */
#define JS_DESCRIBE                                                                \
    "const describe=e=>{if(!e||!e.nodeName)return'nothing';"                       \
    "let s='<'+e.nodeName.toLowerCase();if(e.id)s+='#'+e.id;"                      \
    "const c=e.getAttribute&&e.getAttribute('class');"                             \
    "if(c)s+='.'+c.trim().split(/\\s+/).slice(0,2).join('.');s=s.slice(0,60)+'>';" \
    "const own=/^(button|submit|reset)$/.test(e.type)&&e.value,"                   \
    "n=((e.getAttribute&&e.getAttribute('aria-label')||e.innerText||own||'')+'')"  \
    ".replace(/\\s+/g,' ').trim();"                                                \
    "return n?s+' \"'+n.slice(0,50)+(n.length>50?'...':'')+'\"':s};"

#define JS_VISIBLE                                                   \
    "const visible=e=>{const r=e.getBoundingClientRect();"           \
    "if(r.width<=0||r.height<=0){if(e.getClientRects().length===0||" \
    "![...e.children].some(visible))return false}"                   \
    "return getComputedStyle(e).visibility==='visible'};"

/* On an element. */
static const char js_visible[] = "function(){" JS_VISIBLE "return this.isConnected&&visible(this)}";

/* box() of `el`; takes(hit(x, y)): what is at that point belongs to it. */
#define JS_HIT                                                                                    \
    "const box=()=>{const r=el.getBoundingClientRect();return[r.x,r.y,r.width,r.height].join()};" \
    "const above=e=>e.parentElement||(e.getRootNode().host||null);"                               \
    "const lib=globalThis[Symbol.for('sandbox-mcp')];"                                            \
    "const root=e=>e.shadowRoot||(lib&&lib.closed?lib.closed.get(e):null);"                       \
    "const hit=(x,y)=>{let e=document.elementFromPoint(x,y),r;"                                   \
    "while(e&&(r=root(e))){const i=r.elementFromPoint(x,y);if(!i||i===e)break;e=i}"               \
    "return e};"                                                                                  \
    "const takes=h=>{for(let e=h;e;e=above(e))if(e===el)return true;"                             \
    "const l=h&&h.closest&&h.closest('label');return!!l&&l.control===el};"

/* (kind, text, any): the element, null, or a string that says what is wrong. any: the first one
 * that is visible, or null. */
static const char js_find[] =
    "function(kind,text,any){" JS_DESCRIBE JS_VISIBLE
    "const norm=s=>(s||'').replace(/\\s+/g,' ').trim();"
    "const roots=[document];"
    "for(let i=0;i<roots.length&&i<5000;i++){"
    "const w=document.createTreeWalker(roots[i],1);"
    "while(w.nextNode())if(w.currentNode.shadowRoot)roots.push(w.currentNode.shadowRoot)}"
    "const css=s=>roots.flatMap(r=>[...r.querySelectorAll(s)]);"
    "const find={css:()=>css(text),"
    "xpath:()=>{const r=document.evaluate(text,document,null,7,null),a=[];"
    "for(let i=0;i<r.snapshotLength;i++){const n=r.snapshotItem(i);"
    "if(n.nodeType===1)a.push(n);else if(n.parentElement)a.push(n.parentElement)}return a},"
    "text:()=>{let t=norm(text),only=false;const q=/^([\"'])(.*)\\1$/.exec(t);"
    "if(q){t=q[2];only=true}const low=t.toLowerCase();if(!low)return[];"
    "const own=e=>e.localName==='input'&&/^(button|submit|reset)$/.test(e.type)?norm(e.value):"
    "norm(e.textContent);const hits=[];"
    "for(const e of css('*')){if(/^(script|style|noscript|template|head)$/.test(e.localName)||"
    "e.closest('head'))continue;const o=own(e);if(!o.toLowerCase().includes(low))continue;"
    "if([...e.children].some(c=>!/^(script|style)$/.test(c.localName)&&"
    "own(c).toLowerCase().includes(low)))continue;hits.push([e,o])}"
    "const same=hits.filter(h=>only?h[1]===t:h[1].toLowerCase()===low);"
    "return(only||same.length?same:hits).map(h=>h[0])}};"
    "let all;try{all=[...new Set(find[kind]())]}catch(x){"
    "return 'invalid: '+String(x.message||x).slice(0,200)}"
    "const lib=globalThis[Symbol.for('sandbox-mcp')],say=lib&&lib.mention?lib.mention:describe;"
    "const seen=all.filter(visible);if(any)return seen[0]||null;if(seen.length===1)return seen[0];"
    "if(!seen.length)return all[0]||null;"
    "return'several: '+seen.length+' elements match: '+seen.slice(0,5).map(say).join(', ')"
    "+(seen.length>5?', ...':'')}";

/*
 * On an element, (need, limit_ms, place): waits until it can take what it is meant for, and
 * answers {x,y,label} in the frame's viewport, or {fail,by,label}. need: e enabled, t text can be
 * typed into it, p a point of it can be hit, s only in view, q it is looked at again by js_still a
 * frame later, so that it need not be waited for here.
 */
static const char js_ready[] =
    "async function(need,limit){" JS_DESCRIBE JS_VISIBLE
    "const begun=Date.now(),end=begun+limit,el=this.nodeType===1?this:this.parentElement;"
    "if(!el)return{fail:'gone'};"
    "const frame=()=>new Promise(r=>{let f=0;const t=setTimeout(()=>{f=1;r()},50);"
    "requestAnimationFrame(()=>{if(!f){clearTimeout(t);r()}})});" JS_HIT
    "const point=()=>{let best=null;for(const r of el.getClientRects()){"
    "const x0=Math.max(0,r.left),y0=Math.max(0,r.top),x1=Math.min(innerWidth,r.right),"
    "y1=Math.min(innerHeight,r.bottom);if(x1-x0<1||y1-y0<1)continue;"
    "const a=(x1-x0)*(y1-y0);if(!best||a>best.a)best={a,x:(x0+x1)/2,y:(y0+y1)/2,x0,y0,x1,y1}}"
    "return best};"
    "const spots=p=>{const q=[[p.x,p.y]];for(const[u,v]of[[.25,.5],[.75,.5],[.5,.25],[.5,.75],"
    "[.1,.1],[.9,.9],[.1,.9],[.9,.1]])q.push([p.x0+(p.x1-p.x0)*u,p.y0+(p.y1-p.y0)*v]);return q};"
    "const ways=['nearest','center','end','start'];let turn=0,why={fail:'hidden'};"
    "for(;;){if(!el.isConnected)return{fail:'gone'};"
    "const check=async()=>{"
    "if(!visible(el))return{fail:'hidden'};"
    "if(/[et]/.test(need)&&(el.matches(':disabled')||el.closest('[aria-disabled=\"true\"]')))"
    "return{fail:'disabled'};"
    "if(need.includes('t')){if(el.readOnly)return{fail:'read-only'};"
    "if(!el.isContentEditable&&!/^(input|textarea)$/.test(el.localName))"
    "return{fail:'no text field'};"
    "if(el.localName==='input'&&/^(checkbox|radio|button|submit|reset|image|file|hidden)$/"
    ".test(el.type))return{fail:'no text field'}}"
    "let p=point();if(turn||!p||p.x0>=p.x1){el.scrollIntoView({block:ways[turn%4],"
    "inline:'nearest',behavior:'instant'});turn++;p=point()}"
    "const before=box();if(!need.includes('q')||turn||"
    "document.getAnimations().some(a=>a.playState==='running'))await frame();"
    "if(box()!==before){return{fail:'moving'}}"
    "p=point();if(!p)return{fail:'outside'};"
    "if(!/p/.test(need))return{x:p.x,y:p.y};"
    "let h;for(const[x,y]of spots(p)){const e=hit(x,y);if(takes(e))return{x,y,box:before};h=h||e}"
    "if(!turn)turn=1;return{fail:'covered',by:describe(h)}};"
    "const r=await check();if(!r.fail||r.fail==='gone'||r.fail==='no text field'){"
    "const s=globalThis[Symbol.for('sandbox-mcp')];"
    "r.label=s&&s.label?s.label(el):describe(el);"
    "if(el.closest('a[download]'))r.saves=true;return r}"
    "if(r.fail!=='moving'||why.fail==='hidden')why=r;"
    "if(Date.now()>=(/^(covered|read-only)$/"
    ".test(why.fail)?Math.min(end,begun+1500):end)){why.label=describe(el);"
    "return why}"
    "if(r.fail!=='moving')await new Promise(f=>setTimeout(f,Math.min(50,20*(1+turn))))}}";

/* On an element, (x, y, box): it is where js_ready found it, and can be hit there. */
static const char js_still[] =
    "function(x,y,was){const el=this.nodeType===1?this:this.parentElement;" JS_HIT
    "return!!el&&el.isConnected&&box()===was&&takes(hit(x,y))}";

/* On a frame's element, (x, y) of a point in the frame: where it is in the frame around it. */
static const char js_owner[] =
    "function(x,y){" JS_DESCRIBE "const place=()=>{const r=this.getBoundingClientRect(),"
    "s=getComputedStyle(this);return[r.left+this.clientLeft+parseFloat(s.paddingLeft)+x,"
    "r.top+this.clientTop+parseFloat(s.paddingTop)+y]};"
    "let[a,b]=place();if(a<0||b<0||a>=innerWidth||b>=innerHeight){"
    "scrollBy({left:a-innerWidth/2,top:b-innerHeight/2,behavior:'instant'});[a,b]=place()}"
    "let h=document.elementFromPoint(a,b);while(h&&h!==this&&h.shadowRoot){"
    "const i=h.shadowRoot.elementFromPoint(a,b);if(!i||i===h)break;h=i}"
    "return h===this?{x:a,y:b}:{fail:'covered',by:describe(h)}}";

/* On an element, (clear, text): it has the focus, and what is there is selected. A text other
 * than null is set at once, for kinds of fields that cannot be typed into; 1 when it was. */
static const char js_focus[] =
    "function(clear,text){const e=this.nodeType===1?this:this.parentElement;e.focus();"
    "if(e.localName==='input'&&/^(date|time|datetime-local|month|week|color|range)$/.test(e.type)"
    "){e.value=text;if(e.value!==text&&e.type!=='range')return 2;"
    "e.dispatchEvent(new Event('input',{bubbles:true,composed:true}));"
    "e.dispatchEvent(new Event('change',{bubbles:true}));return 1}"
    "const s=getSelection();if(e.localName==='input'||e.localName==='textarea'){"
    "if(clear)e.select();else try{e.setSelectionRange(e.value.length,e.value.length)}catch(x){}}"
    "else if(clear)s.selectAllChildren(e);else{s.selectAllChildren(e);s.collapseToEnd()}"
    "return 0}";

/* On an element, (to, wheeled): scrolls what scrolls there, or waits until the wheel did; says
 * where it is then. */
static const char js_scroll[] =
    "async function(to,wheeled){let e=this.nodeType===1?this:null;"
    "if(wheeled===2)e=document.elementFromPoint(innerWidth/2,innerHeight/2);"
    "const scrolls=n=>{const s=getComputedStyle(n);return n.scrollHeight>n.clientHeight+1&&"
    "/auto|scroll|overlay/.test(s.overflowY)||n.scrollWidth>n.clientWidth+1&&"
    "/auto|scroll|overlay/.test(s.overflowX)};"
    "while(e&&!scrolls(e))e=e.parentElement||(e.getRootNode().host||null);"
    "const page=document.scrollingElement||document.documentElement;if(!e)e=page;"
    "if(to)e.scrollTo({top:to==='top'?0:e.scrollHeight,behavior:'instant'});"
    "const frame=()=>new Promise(r=>{let f=0;const t=setTimeout(()=>{f=1;r()},50);"
    "requestAnimationFrame(()=>{if(!f){clearTimeout(t);r()}})});"
    "const at=()=>e.scrollLeft+','+e.scrollTop;let same=0,last=at(),moved=!wheeled;"
    "for(let i=0;i<60&&(same<3||!moved&&i<12);i++){await frame();"
    "const now=at();same=now===last?same+1:0;moved=moved||now!==last;last=now}"
    "return{x:e.scrollLeft,y:e.scrollTop,"
    "at_end:e.scrollTop+e.clientHeight>=e.scrollHeight-1}}";

/* On any element, (dx, dy): scrolls the page; the middle of the view when the page does not scroll,
 * as then something in it may. */
static const char js_scroll_page[] =
    "function(dx,dy){const p=document.scrollingElement||document.documentElement;"
    "if(p.scrollHeight>p.clientHeight||p.scrollWidth>p.clientWidth){"
    "scrollBy({left:dx,top:dy,behavior:'instant'});return{done:true}}"
    "return{done:false,x:innerWidth/2,y:innerHeight/2}}";

#endif
