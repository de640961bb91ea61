wiki maintenance/run.php
