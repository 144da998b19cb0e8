// Playwright, or Puppeteer, at a browser that runs: what one session of it saw, as one line.
//
//   node devtools.mjs '{"modules":DIR, "client":"playwright"|"puppeteer", "url":WS, "site":URL}'
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const options = JSON.parse(process.argv[2]);
const require = createRequire(options.modules + "/");
const load = async (name) => (await import(pathToFileURL(require.resolve(name)))).default;

async function playwright() {
  const { chromium } = await load("playwright-core");
  const browser = await chromium.connectOverCDP(options.url);
  const seen = browser.contexts()[0].pages().map((page) => page.url());
  const context = await browser.newContext();
  const page = await context.newPage();
  return { browser, page, seen, closed: () => browser.close() };
}

async function puppeteer() {
  const browser = await (await load("puppeteer-core")).connect({
    browserWSEndpoint: options.url, defaultViewport: null });
  const seen = (await browser.pages()).map((page) => page.url());
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  return { browser, page, seen, closed: () => browser.disconnect() };
}

const { page, seen, closed } = await { playwright, puppeteer }[options.client]();
await page.goto(options.site);
await page.click("button");
const title = await page.title();
const image = await page.screenshot();
const frame = await page.frames().find((one) => one.url().includes("localhost"))
  .evaluate("document.title");
const large = (await page.evaluate("'x'.repeat(5000000)")).length;
await closed();
console.log(JSON.stringify({ seen, title, image: image.length, frame, large }));
