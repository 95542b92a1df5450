import { service as build } from '@gantry/builder';
import { service as cri } from '@gantry/cri';
import { service as gateway } from '@gantry/gateway';
import { service as images } from '@gantry/images';
import { networkService as network } from '@gantry/network';
import type { ServiceSpec } from '@gantry/service';
import { shimService as shim } from '@gantry/shim';
import { service as supervisor } from '@gantry/supervisor';

/** The services in the order in which they start; they stop in reverse. */
export const services = [images, network, shim, supervisor, build, cri, gateway] as unknown as readonly ServiceSpec<object>[];

/** Those that stand in dockerd's place: like dockerd's own containerd it has no Kubernetes side. */
export const dockerdServices = services.filter(({ name }) => name !== cri.name);
