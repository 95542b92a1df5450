import { writeSync } from 'node:fs';
import { errorText } from '@gantry/rpc/errors';
import { readInvocation } from './config';

const FAILED = 1;

/** What `start` does not need is loaded by those that do: containerd waits for it. */
async function main(): Promise<number> {
  const call = readInvocation(process.argv.slice(2));
  switch (call.action) {
    case 'version':
      writeSync(1, `containerd-shim-gantry-v2:\n  Version:  ${process.env['GANTRY_VERSION'] ?? '0.1.0'}\n`);
      return 0;
    case 'info':
      writeSync(1, await (await import('./info')).info());
      return 0;
    case 'start':
      writeSync(1, await (await import('./start')).start(call));
      return 0;
    case 'delete':
      writeSync(1, await (await import('./delete')).remove(call));
      return 0;
    case 'serve':
      await (await import('./serve')).serve(call);
      return 0;
  }
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    writeSync(2, `containerd-shim-gantry-v2: ${errorText(error)}\n`);
    process.exit(FAILED);
  },
);
