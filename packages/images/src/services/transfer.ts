import type { TransferService } from '@gantry/api/containerd/services/transfer/v1/transfer';
import type { Handlers } from '@gantry/rpc';
import { transfer, type TransferDependencies } from '../transfer/transfer';

/** containerd.services.transfer.v1.Transfer: pull, push, import, export and tag, with progress and bytes over streams. */
export function transferHandlers(deps: TransferDependencies): Handlers<TransferService> {
  return {
    transfer: async (ctx, request) => {
      await transfer(deps, ctx, request);
      return {};
    },
  };
}
