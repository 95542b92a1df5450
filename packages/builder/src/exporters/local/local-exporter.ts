import type { Refs } from '../../refs/ref';
import type { Exporter, ExportInput } from '../exporter';
import { sendTree } from './send-tree';
import { makeTreeExporter } from './tree-exporter';

const TELL_EVERY = 100;

/** Into a folder of the client's. */
export const makeLocalExporter = (refs: Refs): Exporter =>
  makeTreeExporter(refs, { type: 'local', name: 'exporting to client directory' }, async (ctx, trees, { input, index }) => {
    await Promise.all(
      trees.map(async ({ folder, id, files }) => {
        const told = teller(input, folder === '' ? 'copying files' : `copying files ${id}`);
        try {
          await input.sessions.any((session) => sendTree(ctx, session, { index, about: new Map() }, { files: files(), sent: told.sent }));
        } finally {
          told.end();
        }
      }),
    );
  });

function teller({ progress }: ExportInput, id: string): { sent(bytes: number): void; end(): void } {
  const started = new Date();
  let current = 0;
  let last = 0;
  progress.status({ id, current, started });
  return {
    sent: (bytes) => {
      current += bytes;
      if (Date.now() - last < TELL_EVERY) return;
      last = Date.now();
      progress.status({ id, current, started });
    },
    end: () => progress.status({ id, current, started, completed: new Date() }),
  };
}
