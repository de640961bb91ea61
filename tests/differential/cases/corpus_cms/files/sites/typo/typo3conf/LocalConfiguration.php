typo typo3conf/LocalConfiguration.php
