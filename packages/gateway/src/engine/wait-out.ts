import { type Connection, isListenedAt } from '@gantry/rpc';

/** Longest waits for a service that restarts, milliseconds. */
export interface Patience {
  /** Nobody holds its socket: it may be gone for good. */
  readonly gone: number;
  /** systemd or the launcher holds its socket: it comes back, however long a busy machine takes for that. */
  readonly held: number;
}

const PATIENCE: Patience = { gone: 10_000, held: 120_000 };

/** Waits out a restart of a service. Rejects with unavailable. */
export async function waitOut(connection: Pick<Connection, 'ready' | 'socketPath'>, { gone, held }: Patience = PATIENCE): Promise<void> {
  try {
    await connection.ready(gone);
  } catch (error) {
    if (!(await isListenedAt(connection.socketPath).catch(() => false))) throw error;
    await connection.ready(held - gone);
  }
}
