import type { TransferService } from '@gantry/api/containerd/services/transfer/v1/transfer';
import { type Handlers, notImplemented } from '@gantry/rpc';

/** containerd.services.transfer.v1.Transfer: clients fall back to their own pull, push, import and export over the other services. */
export function transferHandlers(): Handlers<TransferService> {
  return {
    transfer: async (_ctx, { source, destination }) => {
      throw notImplemented(`transfer from ${source?.typeUrl ?? 'nothing'} to ${destination?.typeUrl ?? 'nothing'} is not supported`);
    },
  };
}
