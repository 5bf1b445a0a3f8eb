// Draws one file as a view says. /view.json: see benchmarks/third_renderer/view.py. Sets window.drawn to a PNG's data URL, or
// window.failed to what went wrong.
import * as THREE from "three";
import { GLTFLoader } from "three/addons/loaders/GLTFLoader.js";
import { SparkRenderer, SplatMesh } from "@sparkjsdev/spark";

const yUp = ([x, y, z]) => new THREE.Vector3(x, z, -y); // ours is z up

function cameraOf(view) {
  const aspect = view.width / view.height;
  const vertical = 2 * Math.atan(Math.tan(THREE.MathUtils.degToRad(view.fov) / 2) / aspect);
  const camera = new THREE.PerspectiveCamera(THREE.MathUtils.radToDeg(vertical), aspect, view.near, view.far);
  camera.position.copy(yUp(view.eye));
  camera.lookAt(yUp(view.target));
  return camera;
}

function addLights(scene, view) {
  for (const light of view.lights) {
    const sun = new THREE.DirectionalLight(0xffffff, light.strength); // irradiance, as a sun of Blender in W/m2
    sun.target.position.copy(yUp(view.centre));
    sun.position.copy(yUp(light.from)).multiplyScalar(2 * view.radius).add(sun.target.position);
    if (light.shadow) {
      sun.castShadow = true;
      sun.shadow.mapSize.set(4096, 4096);
      Object.assign(sun.shadow.camera, { left: -view.radius, right: view.radius, top: view.radius, bottom: -view.radius,
                                         near: 0.1, far: 4 * view.radius });
      sun.shadow.normalBias = 0.05;
      sun.shadow.bias = -0.0005;
    }
    scene.add(sun, sun.target);
  }
}

async function addMesh(scene, file) {
  const { scene: root } = await new GLTFLoader().loadAsync(file);
  root.traverse(node => { node.castShadow = node.receiveShadow = node.isMesh; });
  scene.add(root);
}

async function addSplats(scene, renderer, view, file) {
  scene.add(new SparkRenderer({ renderer }));
  const splats = new SplatMesh({ url: file, extSplats: true }); // else places are kept in 16 bits
  if (view.turn) splats.rotation.x = Math.PI; // y down
  scene.add(splats);
  await splats.initialized;
  return splats.numSplats ?? splats.packedSplats?.numSplats ?? splats.extSplats?.numSplats;
}

async function draw() {
  const view = await (await fetch("/view.json")).json();
  const renderer = new THREE.WebGLRenderer({ antialias: view.kind === "mesh", preserveDrawingBuffer: true });
  renderer.setSize(view.width, view.height);
  renderer.toneMapping = THREE.NoToneMapping;
  renderer.shadowMap.enabled = true;
  renderer.shadowMap.type = THREE.PCFShadowMap;
  document.body.append(renderer.domElement);
  const scene = new THREE.Scene();
  scene.background = new THREE.Color().setRGB(...view.background, THREE.SRGBColorSpace);
  const camera = cameraOf(view);
  const began = performance.now();
  if (view.kind === "mesh") {
    addLights(scene, view);
    await addMesh(scene, view.file);
    renderer.render(scene, camera);
  } else {
    window.count = await addSplats(scene, renderer, view, view.file);
    for (let k = 0; k < 12; k++) { // the splats are sorted by a worker: some frames until all are in order
      renderer.render(scene, camera);
      await new Promise(resolve => setTimeout(resolve, 250));
    }
  }
  window.seconds = (performance.now() - began) / 1000;
  window.triangles = renderer.info.render.triangles;
  window.drawn = renderer.domElement.toDataURL("image/png");
}

draw().catch(error => { window.failed = String(error && error.stack || error); });
