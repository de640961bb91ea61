wiki LocalSettings.php
