// Runs inside the guest, bundled: encrypted networks of two engines, each on a host of its own, over one wire. What is seen of them is told where the tests are that a kernel with ESP runs.
import { symlinkSync } from 'node:fs';
import { encryptedStories } from '../../packages/network/src/testing/encrypted-story';
import { TwoEngines } from '../../packages/network/src/testing/two-engines';

const INSTALLED = '/usr/local/lib/gantry/gantry-network.cjs';

async function tell(): Promise<number> {
  let failed = 0;
  for (const { name, prefix, config, run } of encryptedStories) {
    const world = new TwoEngines((bundle) => symlinkSync(INSTALLED, bundle), prefix);
    try {
      await world.start(config);
      await run(world);
      console.log(`ok esp: it ${name}`);
    } catch (error) {
      failed++;
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      console.log(`FAILED esp: it ${name}\n${text.replace(/^/gm, '  | ')}`);
    } finally {
      await world.close();
    }
  }
  return failed;
}

void tell().then((failed) => process.exit(failed));
