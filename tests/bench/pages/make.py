"""The pages of the browser figures and of the tasks, written into a directory."""

from pathlib import Path

PAGES = {
    "form.html": """<title>Form</title><h1>Sign in</h1><form onsubmit="event.preventDefault();
        document.title=`${user.value}/${pass.value}/${keep.checked}/${plan.value}`">
        <label>User <input id=user></label><label>Password <input id=pass type=password></label>
        <label><input id=keep type=checkbox> Keep me</label>
        <label>Plan <select id=plan><option>Free<option>Team<option>Big</select></label>
        <button>Sign in</button></form>""",
    "button.html": """<title>Button</title><button onclick="document.title='done'">Go</button>""",
    "spa.html": """<title>Home</title><a href="#" onclick="event.preventDefault();
        history.pushState(0,'','/about.html');setTimeout(()=>{document.title='About';
        main.innerHTML='<h1>About us</h1>'},50)">About</a><main id=main>Welcome</main>""",
    "inner.html": """<title>Inner</title><button onclick="parent.document.title='inner'">Inside
        </button>""",
    "frame.html": """<title>Frame</title><iframe src="inner.html" title="part"></iframe>""",
    "shadow.html": """<title>Shadow</title><x-card></x-card><script>
        customElements.define('x-card',class extends HTMLElement{connectedCallback(){
        this.attachShadow({mode:'open'}).innerHTML='<button>Deep</button>';
        this.shadowRoot.firstChild.onclick=()=>document.title='deep'}})</script>""",
    "dialog.html": """<title>Dialog</title><button onclick="document.title=confirm('Sure?')">
        Delete</button>""",
    "popup.html": """<title>Opener</title><button onclick="window.open('button.html')">Open</button>""",
    "menu.html": """<title>Menu</title><style>#s{display:none}#m:hover #s{display:block}</style>
        <div id=m><button>File</button><div id=s><button onclick="document.title='saved'">Save
        </button></div></div>""",
    "keys.html": """<title>Keys</title><label>Text <input id=t value="old words"></label>""",
    "drag.html": """<title>Drag</title><div draggable=true role=button id=a>Card</div>
        <div id=b role=button style="height:90px">Bin</div><script>
        a.ondragstart=e=>e.dataTransfer.setData('text','card');b.ondragover=e=>e.preventDefault();
        b.ondrop=e=>document.title=e.dataTransfer.getData('text')</script>""",
    "upload.html": """<title>Upload</title><label>File <input type=file id=f></label><script>
        f.onchange=async()=>document.title=await f.files[0].text()</script>""",
    "late.html": """<title>Late</title><p id=p>waiting</p><script>
        setTimeout(()=>{p.textContent='ready now';document.title='ready'},400)</script>""",
    "endless.html": """<title>Endless</title><ul id=u></ul><script>let n=0;function more(){
        for(let i=0;i<20;i++){const b=document.createElement('li');b.innerHTML=
        `<button onclick="document.title='row ${n}'">Row ${n}</button>`;b.style.height='60px';
        u.append(b);n++}};more();addEventListener('scroll',()=>{if(scrollY+innerHeight>
        document.documentElement.scrollHeight-100&&n<200)more()})</script>""",
    "article.html": "<title>Article</title><nav>" + "<a href=#>Menu entry</a> " * 40 +
        "</nav><article><h1>On sand</h1>" + "".join(
            f"<p>Paragraph {i}: sand is made of small grains, and box {i} holds many of them, "
            "more than anybody would like to count on an afternoon.</p>" for i in range(40)) +
        "</article><footer>" + "<a href=#>Imprint</a> " * 20 + "</footer>",
    "table.html": "<title>Table</title><table><tr><th>City<th>People</tr>" + "".join(
        f"<tr><td>City {i}<td>{i * 1017}</tr>" for i in range(50)) + "</table>",
    "rich.html": """<title>Rich</title><div contenteditable role=textbox aria-label="Note"
        oninput="document.title=this.innerText" style="min-height:2em"></div>""",
    "download.html": """<title>Download</title><a download="report.csv"
        href="data:text/csv,a,b%0A1,2">Report</a>""",
    "links.html": "<title>Links</title>" + "".join(
        f'<p><a href="button.html?{i}">Entry number {i}</a></p>' for i in range(300)),
    "big.html": "<title>Big</title><h1>Big</h1>" + "".join(
        f"<section><h2>Part {i}</h2>" + "".join(
            f"<p>Text {i}.{k} <label><input type=checkbox> Box {i}.{k}</label></p>"
            for k in range(33)) + "</section>" for i in range(100)),
    "shop.html": "<title>Shop</title><header><nav>" + "".join(
        f"<a href=#{i}>Section {i}</a>" for i in range(12)) + "</nav></header><main>" + "".join(
        f'<article><h2>Thing {i}</h2><p>Costs {i} coins, <em>a bargain</em>.</p>'
        f'<button onclick="document.title={i}">Buy {i}</button></article>' for i in range(60)) +
        "</main>",
}


def write(directory):
    for name, text in PAGES.items():
        (Path(directory) / name).write_text("<!doctype html><meta charset=utf-8>" + text)
    (Path(directory) / "note.txt").write_text("from a file")
