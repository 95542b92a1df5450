import { ControllerService, StoreService } from '@gantry/api/containerd/services/sandbox/v1/sandbox';
import type { RpcServer } from '@gantry/rpc';
import { requireNamespace } from '../identifiers';
import { type ControllerNeeds, LONG_CONTROLLER_CALLS, sandboxControllerHandlers } from './controller';
import { type SandboxStoreNeeds, sandboxStoreHandlers } from './store';

/** Adds containerd.services.sandbox.v1 to the server: the records, and the controller `shim`. */
export function addSandboxServices(server: RpcServer, needs: SandboxStoreNeeds & ControllerNeeds): void {
  server.addService(StoreService, requireNamespace<typeof StoreService>(sandboxStoreHandlers(needs)));
  server.addService(ControllerService, requireNamespace<typeof ControllerService>(sandboxControllerHandlers(needs)), {
    longCalls: [...LONG_CONTROLLER_CALLS],
  });
}
