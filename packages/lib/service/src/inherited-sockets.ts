import { adoptSockets } from '@gantry/rpc';
import type { Environment } from './config';

/** The first descriptor after stdio, as sd_listen_fds(3) has it. */
export const FIRST_SOCKET = 3;

/** Takes the sockets that systemd or the launcher handed over; the FFI module, which knows their addresses, is loaded only then. */
export async function adoptInherited({ listenFds = 0 }: Environment): Promise<void> {
  if (listenFds === 0) return;
  const { addressText, syscalls } = await import('@gantry/linux');
  adoptSockets(
    Array.from({ length: listenFds }, (_, index) => ({
      fd: FIRST_SOCKET + index,
      address: addressText(syscalls.getsockname(FIRST_SOCKET + index)),
    })),
  );
}
