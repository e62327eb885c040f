"""When a run writes its checkpoints: after each validation the newest state, and the best of them."""

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint

from rnnlab.foundation.run_folder import RunFolder
from rnnlab.training.module import TrainingModule


class Checkpointing(Checkpoint):
    """Keeps the model with the best `rank` so far, and the newest state.

    Which is the best, the module knows. Lightning's ModelCheckpoint keeps the paths that it has
    written to in each checkpoint, believes those that it finds there, and removes what they name:
    it forgets its best where a run has been moved, and a checkpoint from elsewhere deletes files.

    Args:
        folder: The run's.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, TrainingModule)
        if pl_module.position.best_at == pl_module.updates:
            trainer.save_checkpoint(self.folder.best)
        trainer.save_checkpoint(self.folder.last)
