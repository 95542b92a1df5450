import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startEngine } from '../../../test-e2e/src/harness/engine';
import { pssOf } from '../measure';
import { seedLayer } from './large-layer';
import { startRegistry } from './registry';

const PORT = 5102;
const SAMPLE_MS = 250;
const MIB = 2 ** 20;

/** Pulls an image of one gzip layer of so many MiB from docker-registry, the images service being a process of its own. A line with its peak memory. */
export async function imageMemory(mebibytes: number): Promise<string> {
  const engine = await startEngine('gantry', { separate: true, memoryRun: true });
  try {
    const data = join(engine.folder, 'layer-registry');
    const packed = await seedLayer(data, 'layer', mebibytes);
    const registry = await startRegistry(engine.netns, PORT, data);
    try {
      const pid = engine.pids('gantry-images')[0];
      if (pid === undefined) throw new Error('the images service has no process');
      const before = peak(pid);
      let most = 0;
      const timer = setInterval(() => (most = Math.max(most, pssOf([String(pid), ...childrenOf(pid)]))), SAMPLE_MS);
      const pulled = await engine.docker(['pull', '-q', `127.0.0.1:${PORT}/layer:1`], { timeout: 1_800_000 });
      clearInterval(timer);
      if (pulled.code !== 0) throw new Error(`docker pull: ${pulled.stderr}`);
      return `a layer of ${mebibytes} MiB (${Math.round(packed / MIB)} MiB in gzip) pulled: the images service at most ${peak(pid)} MiB resident (${before} before), ${Math.round(most)} MiB PSS together with the programs it runs`;
    } finally {
      await registry.stop();
    }
  } finally {
    await engine.destroy();
  }
}

/** MiB that the process had resident at most. */
function peak(pid: number): number {
  return Math.round(Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024);
}

function childrenOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  } catch {
    return [];
  }
}
