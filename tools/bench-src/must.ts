import type { Engine } from '../../test-e2e/src/harness/engine';

/** What docker prints, without blanks around it. Throws where it fails. */
export async function must(engine: Engine, ...args: string[]): Promise<string> {
  const result = await engine.docker(args, { timeout: 600_000 });
  if (result.code !== 0) throw new Error(`${engine.kind}: docker ${args.join(' ')}: ${result.code} ${result.stderr}${result.stdout}`);
  return result.stdout.trim();
}
