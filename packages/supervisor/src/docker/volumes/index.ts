export { type VolumesNeeds, volumesHandlers } from './service';
export { dockerVolume } from './shapes';
export { VolumeUsage } from './usage';
