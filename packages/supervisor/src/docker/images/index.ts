export { type ImagesNeeds, imagesHandlers } from './service';
export { imageSummary } from './shapes';
export { containersByImage, imageUses } from './uses';
