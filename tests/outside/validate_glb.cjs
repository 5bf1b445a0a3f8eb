// Prints the Khronos validator's report of each .glb named, one JSON object a line. NODE_PATH says where gltf-validator lies.
const fs = require("fs");
const validator = require("gltf-validator");

(async () => {
  for (const path of process.argv.slice(2)) {
    const report = await validator.validateBytes(new Uint8Array(fs.readFileSync(path)), { maxIssues: 1000 });
    console.log(JSON.stringify(report));
  }
})();
