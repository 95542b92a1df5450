export { noPods, type PodContainers, podContainers, refusingPods } from './pods';
