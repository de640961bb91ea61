yii protected/x.php
