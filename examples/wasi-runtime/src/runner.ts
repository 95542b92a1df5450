// The process of one task. The module runs in a thread; the main thread holds the connection to the server (descriptor 3), and when that
// breaks the task ends: nobody would know it any more.
import { readFileSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { WASI } from 'node:wasi';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { Program } from './program';

const CONTROL = 3;
const KILLED = 137;
/** A trap, as a shell says an abort. */
const TRAPPED = 134;

/** What is used of the WebAssembly global, which the libraries of this project's compiler do not describe. */
interface WasmGlobal {
  compile(bytes: Uint8Array): Promise<object>;
  instantiate(module: object, imports: object): Promise<object>;
}
const wasm = (globalThis as unknown as { readonly WebAssembly: WasmGlobal }).WebAssembly;

type Message = { readonly ready: true } | { readonly failed: string } | { readonly code: number };

/** Opens the directories and compiles, then waits for the order to run. */
async function runModule({ module, args, env, preopens }: Program): Promise<void> {
  const wasi = new WASI({ version: 'preview1', args: [...args], env: { ...env }, preopens: { ...preopens }, returnOnExit: true });
  const compiled = await wasm.compile(readFileSync(module));
  const instance = await wasm.instantiate(compiled, wasi.getImportObject());
  parentPort?.once('message', () => {
    let code: number = TRAPPED;
    try {
      code = wasi.start(instance);
    } catch (error) {
      writeSync(2, `wasi runtime: ${error instanceof Error ? error.message : String(error)}\n`);
    }
    parentPort?.postMessage({ code } satisfies Message);
  });
  parentPort?.postMessage({ ready: true } satisfies Message);
}

function supervise(program: Program): void {
  const control = new Socket({ fd: CONTROL });
  const worker = new Worker(__filename, { workerData: program });
  const fail = (why: string): void => {
    control.write(`${why.replaceAll('\n', ' ')}\n`, () => process.exit(1));
  };
  worker.on('error', (error: Error) => fail(error.message));
  worker.on('message', (message: Message) => {
    if ('failed' in message) return fail(message.failed);
    if ('code' in message) return process.exit(message.code);
    // The directories are open: from here on as the user that was asked for.
    process.setgroups?.([program.gid]);
    process.setgid?.(program.gid);
    process.setuid?.(program.uid);
    control.write('ready\n');
  });
  control.once('data', () => worker.postMessage('go'));
  control.once('close', () => process.exit(KILLED));
  control.on('error', () => undefined);
}

if (isMainThread) supervise(JSON.parse(process.argv[2] ?? '{}') as Program);
else
  runModule(workerData as Program).catch((error: unknown) =>
    parentPort?.postMessage({ failed: error instanceof Error ? error.message : String(error) } satisfies Message),
  );
