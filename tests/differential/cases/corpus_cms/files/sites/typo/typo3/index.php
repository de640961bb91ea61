typo typo3/index.php
