// node render.mjs VIEW.json FILE OUT.png: draws a .glb or a splat file in three.js, in a headless Chromium that draws by software.
// THIRD_RENDERER_MODULES: the node_modules folder; CHROMIUM: the browser. Prints one JSON object: seconds, triangles or splats.
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { createRequire } from "node:module";

const here = import.meta.dirname;
const modules = process.env.THIRD_RENDERER_MODULES ?? path.join(here, "node_modules");
const require = createRequire(path.join(modules, "package.json"));
const puppeteer = (await import(require.resolve("puppeteer-core"))).default;
const [viewPath, filePath, outPath] = process.argv.slice(2);
const view = { ...JSON.parse(fs.readFileSync(viewPath, "utf8")), file: `/file/${path.basename(filePath)}` };

const types = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm" };
const server = http.createServer((request, response) => {
  const url = new URL(request.url, "http://x").pathname;
  if (url === "/view.json") return response.end(JSON.stringify(view));
  const file = url.startsWith("/modules/") ? path.join(modules, path.normalize(url.slice(9)))
    : url.startsWith("/file/") ? filePath : path.join(here, path.basename(url));
  fs.readFile(file, (error, data) => {
    response.writeHead(error ? 404 : 200, { "Content-Type": types[path.extname(file)] ?? "application/octet-stream" });
    response.end(error ? "" : data);
  });
});
await new Promise(resolve => server.listen(0, "127.0.0.1", resolve));

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium-headless-shell", headless: "shell", protocolTimeout: 400000,
  args: ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist",
         "--disable-gpu-watchdog"] });
let status = 1;
try {
  const page = await browser.newPage();
  page.on("console", message => console.error(message.text()));
  page.on("pageerror", error => console.error(String(error)));
  await page.setViewport({ width: view.width, height: view.height });
  await page.goto(`http://127.0.0.1:${server.address().port}/page.html`);
  await page.waitForFunction("window.drawn || window.failed", { timeout: 300000, polling: 200 });
  const told = await page.evaluate("({ drawn: window.drawn, failed: window.failed, seconds: window.seconds, "
    + "triangles: window.triangles, splats: window.count })");
  if (told.failed) throw new Error(told.failed);
  fs.writeFileSync(outPath, Buffer.from(told.drawn.split(",")[1], "base64"));
  delete told.drawn;
  console.log(JSON.stringify(told));
  status = 0;
} catch (error) {
  console.error(String(error));
} finally {
  await browser.close();
  server.close();
}
process.exit(status);
